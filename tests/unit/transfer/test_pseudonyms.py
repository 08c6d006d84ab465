"""A value stays if its field holds no person; else a token stands there, however a file is cut."""

import base64
import csv
import hashlib
import io
import itertools
import json
import os
import re
import subprocess
import tracemalloc
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.paths import ROOT
from pingone_reports.errors import FieldMissing, InvalidPseudonymKey, InvalidReport
from pingone_reports.model.export import Export
from pingone_reports.model.fields import KNOWN, WITHOUT_PERSON
from pingone_reports.model.filters import without_values
from pingone_reports.model.report_file import Format
from pingone_reports.transfer.personal_data import VERSION, PersonalFields, one_spelling
from pingone_reports.transfer.pseudonyms import ExportPseudonyms, Pseudonyms
from pingone_reports.zips.encrypted_zip import Piece
from tests.support.asking import export_of
from tests.support.chunks import CUTS, cut
from tests.support.csv_dialects import DIALECTS
from tests.support.tokens import ENVIRONMENT, KEY, request_for, token

BOM = b"\xef\xbb\xbf"
FIELDS = ("phone", "userId")
KIND_OF_NAME = {"phone": "phone", "mobilephone": "phone", "username": "username"}


def pseudonyms(*fields: str, asked: Sequence[str] = ()) -> ExportPseudonyms:
    return Pseudonyms(fields or FIELDS, KEY).of(request_for(*asked))


def landing(of_export: ExportPseudonyms, name: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """What lands of a file of this format."""
    return of_export.in_file(Format(name)).replaced(Piece(b"", chunk) for chunk in chunks)


def with_tokens(name: str, chunks: Iterable[bytes], fields: Sequence[str] = FIELDS) -> bytes:
    return b"".join(landing(pseudonyms(*fields), name, chunks))


def token_of(name: str, value: str) -> str:
    """What stands in the place of a value, with the field's name as a file spells it."""
    letters = "".join(filter(str.isalnum, name.lower()))
    return token(value, KIND_OF_NAME.get(letters, ""))


def written_before_the_failure(landing: Iterator[bytes]) -> bytes:
    written = b""
    with pytest.raises((InvalidReport, FieldMissing)) as raised:  # noqa: PT012
        for text in landing:
            written += text
    assert "+49" not in str(raised.value)
    return written


def before_and_after(marked: str) -> tuple[bytes, bytes]:
    """A text with {{field: values}} or {{field: values = as they are read}}, and with tokens there.

    The token of a [[field: value]] is quoted.
    """
    mark = r"%s(\w*): (.*?)(?: = (.*?))?%s"
    plain, quoted = mark % (r"\{\{", r"\}\}"), mark % (r"\[\[", r"\]\]")

    def tokens(found: re.Match[str]) -> str:
        return token_of(found[1], found[2] if found[3] is None else found[3])

    raw = re.sub(f"{plain}|{quoted}", r"\2\5", marked, flags=re.DOTALL)
    wanted = re.sub(plain, tokens, marked, flags=re.DOTALL)
    wanted = re.sub(quoted, lambda found: f'"{tokens(found)}"', wanted, flags=re.DOTALL)
    return raw.encode(), wanted.encode()


def every_cut(data: bytes) -> Iterable[list[bytes]]:
    """The file as a whole, byte by byte, and in two at every place."""
    yield [data]
    yield [data[at : at + 1] for at in range(len(data))]
    yield from ([data[:at], data[at:]] for at in range(len(data)))


# --- files that can be read -----------------------------------------------------------------------


_MARKED_CSV = [
    "phone,userId\n{{phone: +49}},{{userId: u}}\n",
    '"userId","phone"\r\n"{{userId: u}}","{{phone: +49}}"',
    "phone,deviceType,userId\n,SMS,\n",
    'phone,userId\n"",{{userId: u}}\n',
    'x,deviceType,userId\n"{{x: a ""b"", c\r\nd = a "b", c\r\nd}}",1,{{userId: u}}\r\n\r\n',
    'x,userId\n"{{x: "" = "}}","{{userId: """" = ""}}"\n',
    'phone, "userId" \n "{{phone: +49}}" , "{{userId: u}}"\n',
    "phone,userId\n{{phone:  +49}},{{userId: u }}\n",
    "deviceType,x,userId\n+49 Straße,{{x: 山田🦊}},{{userId: u}}\n",
    "phone,userId\n",
    "phone,userId",
    "deviceStatus,phoneNumber,deviceName\nACTIVE,{{phone: +49 1}},{{deviceName: Ada's}}\n",
]
_MARKED_JSON = [
    '[{"phone":"{{phone: +49}}","userId":"{{userId: u}}"}]',
    r'{"x" : "{{x: a\"\u00e9\ud83e\udd8a\/ = a"é🦊/}}" ,"userId":[[userId: 1.10]]}',
    '{"phone":null,"userId":""}\r\n{"phone":[[phone: true]],"userId":[[userId: -1E+5]]}\n',
    r'[{"\u0070h\u006Fne":"{{phone: +49}}","phone":"{{phone: +4}}","x":"{{x: phone}}"}]',
    '{"entries":[{"userId":"{{userId: u}}","deviceType":{"phone":"{{phone: +49}}",'
    '"osType":["phone",1e999],"x":["{{x: a}}",[[[x: 2]],{"y":"{{y: b}}"}]]}}],"size":1.0}',
    '[{"phone":{"number":"{{number: +49 1}}","list":[["{{list: +49 1}}"]]}}]',
    '[["{{: phone}}"],["{{: +49 1}}",null,[[: 12]]]]',
    '[{"phone":["{{phone: +49 1}}","{{phone: +49-1}}"],"osVersion" :\n"18.1.10"}]',
    '[{"phone":[[phone: 4.90 = 4.9]],"x":[[x: 4.90 = 4.9]],"username":[[username: 4.90 = 4.9]]}]',
    # Half a character has a token, too.
    '[{"x":"{{x: \\udd8a\\ud83e = \udd8a\ud83e}}","y":"{{y: \\ud83e = \ud83e}}"}]',
]


@pytest.mark.parametrize(
    ("name", "marked"),
    [*(("csv", text) for text in _MARKED_CSV), *(("json", text) for text in _MARKED_JSON)],
)
def test_all_but_values_keeps_its_bytes_wherever_a_file_is_cut(name: str, marked: str) -> None:
    raw, wanted = before_and_after(marked)
    for mark in (b"", BOM):
        for chunks in every_cut(mark + raw):
            assert with_tokens(name, chunks) == mark + wanted


_TEXTS = st.lists(
    st.sampled_from(
        [*'",\n\r \\aBé+É山🦊4.90-\u2028\x00\u0301\u00a0İŘ', "x" * 20, "y" * 70, "٣", "123"]
    ),
    max_size=8,
).map("".join)
_HEADERS = st.permutations(
    ["phone", "username", "deviceType", 'other, "name"', "", "Mobile phone", "mfa_enabled"]
) | st.just(["PHONE", "user_name", "phone", "Device-Type"])
_CLEAR = ("deviceType", "mfa_enabled", "Device-Type", "size")


@given(
    _HEADERS.flatmap(
        lambda names: st.tuples(
            st.just(names), st.lists(st.tuples(*[_TEXTS] * len(names)), max_size=6)
        )
    ),
    st.sampled_from(DIALECTS),
    CUTS,
)
def test_all_values_of_csv_become_tokens_but_of_fields_that_hold_no_person(
    table: tuple[list[str], list[tuple[str, ...]]], dialect: tuple[str, Any], places: list[float]
) -> None:
    names, rows = table
    line_end, quoting = dialect
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=line_end, quoting=quoting).writerows([names, *rows])

    landed = with_tokens("csv", cut(text.getvalue().encode(), places)).decode()

    assert list(csv.reader(io.StringIO(landed, newline=""), strict=True)) == [
        names,
        *(
            [
                value if not value or name in _CLEAR else token_of(name, value)
                for name, value in zip(names, row, strict=True)
            ]
            for row in rows
        ),
    ]


_NAMES = st.sampled_from(
    ["phone", "userId", "deviceType", "Phone", "user_name", "mfa_enabled", "a b", "", "é", '"x"']
)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=6,
)
_RECORDS = st.lists(st.dictionaries(_NAMES, _VALUES, max_size=4), max_size=5)
_STYLES: list[dict[str, Any]] = [{}, {"ensure_ascii": False}, {"separators": (" ,\t", " :\r")}]


class Number(str):
    """A number of JSON, as it is written."""


def read(text: str) -> Any:
    return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=Number)


def replaced(value: Any, name: str = "") -> Any:
    """A value of JSON, with tokens in it."""
    match value:
        case dict():
            return {inner: replaced(of_inner, inner) for inner, of_inner in value.items()}
        case list():
            return [replaced(each, name) for each in value]
        case None | "":
            return value
        case _ if name in _CLEAR:
            return value
        case bool():
            return token_of(name, json.dumps(value))
        case Number() if "." in value and "e" not in value:
            return token_of(name, value.rstrip("0").removesuffix("."))
    return token_of(name, value)


@given(
    # One object after another, a list, and an object with a list.
    _RECORDS
    | _RECORDS.map(lambda records: [records])
    | _RECORDS.map(lambda records: [{"size": 1, "phone": "+49", "entries": records}]),
    st.sampled_from(_STYLES),
    CUTS,
)
def test_all_values_of_json_become_tokens_but_of_fields_that_hold_no_person(
    documents: list[Any], style: dict[str, Any], places: list[float]
) -> None:
    lines = [json.dumps(document, **style) for document in documents]

    landed = with_tokens("json", cut("\n".join(lines).encode(), places)).decode()

    assert list(map(read, filter(None, landed.split("\n")))) == [
        replaced(read(line)) for line in lines
    ]


@pytest.mark.parametrize(
    ("name", "begin", "record"),
    [("csv", "phone,deviceType\n", "{},SMS\n"), ("json", "", '{"phone":"{}"}\n')],
)
def test_more_values_than_are_found_at_once_become_tokens(
    name: str, begin: str, record: str
) -> None:
    before, after = (
        (begin + record.replace("{}", phone) * 150_000).encode()
        for phone in ("+49", token("+49", "phone"))
    )
    assert with_tokens(name, [before]) == after


@pytest.mark.parametrize("asked", [[], ["userId"], ["userId", "deviceType"]])
def test_a_named_column_that_was_not_asked_for_may_be_missing(asked: list[str]) -> None:
    of_export = pseudonyms("phone", "username", asked=asked)
    landed = b"".join(landing(of_export, "csv", [b"userId,deviceType\nu,SMS\n"]))
    assert landed == f"userId,deviceType\n{token('u')},SMS\n".encode()


@pytest.mark.parametrize("data", [b"", b"[]", b'{"entries":[],"size":0}', b'[{"size":1}]'])
def test_records_of_json_may_leave_out_what_nobody_has(data: bytes) -> None:
    of_export = pseudonyms("phone", asked=["phone", "size"])
    assert b"".join(landing(of_export, "json", [data])) == data


# --- files that cannot be read, or in two ways ----------------------------------------------------

_OTHER_ENCODINGS = ("utf-16", "utf-16-le", "utf-32")
_BROKEN_ROWS = [
    b"+49,u,1\n",
    b"u\n",
    b'"+49,u\n',
    b'"+49"x,u\n',
    b'+49"x",u\n',
    b'a"b,u\n',
    b"+49\r,u\n",
    b"a,u\r+49,u\n",
    b"a,u\r",
    b"+49\xff,u\n",
    b"+49\xc3",
    b'"a\\"+49",u\n',
    b'"Doe, "John"",+49\n',
]
_NO_JSON = [
    b'[{"+49":"deviceType"}]',
    b'[{"ada@example.com":{"deviceType":"+49"}}]',
    b'[{"phone":"+49"',
    b'[{"phone":"+49',
    b'[{"phone":"+49"}}',
    b'[{"phone":"+49"},]',
    b'[{"phone":"+49",}]',
    b'[{phone:"+49"}]',
    b"[{'phone':'+49'}]",
    b'[{"phone"="+49"}]',
    b'[{"phone":"+49" "x":1}]',
    b'[{"phone":+49 1}]',
    b'[{"phone":+49}]',
    b'[{"phone":1+49}]',
    b'[{"phone":nul+49}]',
    b'[{"phone":"\\x+49"}]',
    b'[{"pho\\qne":"+49"}]',
    b'[{"phone":"\\u12g4+49"}]',
    b'[{"x":"\n","phone":"+49"}]',
    b'[{"x":1/*","phone":"+49"}]',
    b'[{"phone":"+49\xff"}]',
    b'[{"phone":"+49"}]x',
    b'"+49"',
    b"+49",
    b'{"phone"}:"+49"',
    b'[{"phone":]"+49"]',
]


@pytest.mark.parametrize(
    ("name", "text", "more"),
    [
        *(("csv", b"phone,userId\n+49,+49\n" + rows, b"+49,+49\n") for rows in _BROKEN_ROWS),
        *(("json", text, b'[{"userId":"+49"}]') for text in _NO_JSON),
        *(("csv", "phone,userId\n+49,u\n".encode(other), b"") for other in _OTHER_ENCODINGS),
        *(("json", '[{"phone":"+49"}]'.encode(other), b"") for other in _OTHER_ENCODINGS),
    ],
)
def test_nothing_behind_what_may_be_read_in_another_way_is_written(
    name: str, text: bytes, more: bytes
) -> None:
    for chunks in every_cut(text + more):
        assert b"+49" not in written_before_the_failure(landing(pseudonyms(), name, chunks))


@pytest.mark.parametrize(
    ("header", "asked"),
    [
        ("deviceType", ["deviceType", "phone"]),
        ("telephone,deviceType", ["deviceType", "phone"]),
        ("phone;userId", ["deviceType", "phone"]),
        # Rows of a file without a header.
        ("8d6f,ada,+49 151", []),
        ("ada@example.com,SMS", []),
        ("15 Main St,ACTIVE", []),
    ],
)
def test_a_csv_that_lacks_a_named_column_or_its_header_is_refused_before_its_rows(
    header: str, asked: list[str]
) -> None:
    of_export, text = pseudonyms("phone", asked=asked), f"{header}\n+49,+49\n"
    assert written_before_the_failure(landing(of_export, "csv", [text.encode()])) == b""


@pytest.mark.parametrize(("name", "begin"), [("csv", b'phone,userId\n"'), ("json", b'[{"phone":"')])
def test_a_value_that_does_not_end_is_refused_in_bounded_memory(name: str, begin: bytes) -> None:
    chunks = [begin, *[b"+49" * 50_000] * 200, b'"']
    tracemalloc.start()
    assert b"+49" not in written_before_the_failure(landing(pseudonyms(), name, chunks))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8_000_000


@pytest.mark.parametrize(
    ("name", "most", "more"),
    [
        ("csv", b"phone,userId" + b"," * 998, b","),
        ("csv", b"phone,userId", b"".join(b",%b%d" % (b"n" * 40, at) for at in range(900))),
        ("json", b'{"x":1}{' + b",".join(b'"n%d":1' % at for at in range(998)) + b"}", b'{"y":1}'),
        ("json", b'{"x":1}', b'{"%b":1}' % (b"l" * 40_000)),
    ],
)
def test_a_file_of_too_many_names_is_refused(name: str, most: bytes, more: bytes) -> None:
    assert with_tokens(name, [most])
    with pytest.raises(InvalidReport, match="1000 columns or names, names of more than 32,768"):
        with_tokens(name, [most + more])


def test_a_thousand_lists_in_each_other_are_still_read() -> None:
    data = b"[" * 998 + b'[{"phone":"+49"}]' + b"]" * 998
    assert token("+49", "phone").encode() in with_tokens("json", [data])
    with pytest.raises(InvalidReport, match="open brackets"):
        with_tokens("json", [b"[" + data + b"]"])


# --- fields and their values ----------------------------------------------------------------------


def test_no_field_that_stays_is_of_a_person() -> None:
    of_persons = {"userid", "username", "name", "id", "accountid", "ipaddress", "location"}
    of_persons |= {"givenname", "familyname", "email", "phone", "devicenickname", "devicename"}
    parts = ("name", "mail", "phone", "address", "user", "nick", "number", "person", "contact")
    assert not WITHOUT_PERSON & of_persons
    holding = {name for name in WITHOUT_PERSON if any(part in name for part in parts)}
    assert holding == {"usercreatedat", "userupdatedat", "modelname", "fidouserverification"}
    assert WITHOUT_PERSON - {"count", "size"} <= {*KNOWN}


_UNKNOWN = ("phoneNumber", "mobilePhone", "deviceName", "Telefon", "deviceTypé", "userNickname",
            "device type name", "homeAddress", "IMEI", "ﬁeld")  # fmt: skip


@pytest.mark.parametrize("name", _UNKNOWN)
def test_a_field_that_nobody_knows_becomes_a_token_and_the_manifest_names_it(name: str) -> None:
    nested = {"deviceType": "SMS", "x": {name: ["Canary", {"deviceStatus": "ACTIVE"}], "n": 12345}}
    for format_name, text, also in (
        ("csv", f"{name},deviceType\nCanary,SMS\n", []),
        ("json", json.dumps([nested]), ["n"]),
    ):
        of_export = pseudonyms("phone")
        landed = b"".join(landing(of_export, format_name, [text.encode()])).decode()
        assert "Canary" not in landed
        assert "12345" not in landed
        assert token("Canary") in landed
        assert "SMS" in landed
        assert of_export.to_document()["fields"] == sorted(["phone", name, *also])


@pytest.mark.parametrize("field", ["deviceType", "deviceId", "mfaEnabled", "anything.else_2"])
def test_any_field_can_be_named(field: str) -> None:
    landed = with_tokens("csv", [f"{field},deviceStatus\nCanary,ACTIVE\n".encode()], [field])
    assert landed == f"{field},deviceStatus\n{token('Canary')},ACTIVE\n".encode()


@pytest.mark.parametrize(
    ("fields", "spellings"),
    [
        (
            ("phone", "mobilePhone", "Telephone", "smsNumber"),
            ("+49 151 1234", "+49-151-1234", "+49.1511234", " (+49) 151/1234",
             "+49\u00a0151\u20111234", "\uff0b\uff1491511234", "+٤٩١٥١١٢٣٤"),
        ),
        (("username", "email", "primaryEmail", "login"), ("Ada@x", "ada@x", "ADA@X ", "\tada@x")),
        (("username", "email"), ("JOSÉ", "josé", "jose\u0301", "JOSE\u0301")),
        (("familyName", "deviceNickname", "x"), ("é", "e\u0301", " é", "é\r\n")),
        (("x", "username", "deviceName"), ("4.90", "4.9", "4.900 ")),
        (("x", "userId"), ("5.0", "5")),
    ],
)  # fmt: skip
def test_one_value_has_one_token_however_it_is_spelled(
    fields: Sequence[str], spellings: Sequence[str]
) -> None:
    records = [{field: text} for field in fields for text in spellings]
    landed = json.loads(with_tokens("json", [json.dumps(records).encode()]))
    tokens = {value for record in landed for value in record.values()}
    assert tokens == {token(spellings[0], fields[0])}


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("phone", ("+49 151", "49 151", "Ada's phone", "ADA's phone", "+", "-", "+49 151 ext. 5")),
        ("username", ("1e5", "100000", "straße", "strasse", "\u0131", "i", "4.9.0", "4.9", "04.9")),
        ("familyName", ("Ada", "ADA", "a b", "ab", "1,5", "1.5")),
    ],
)
def test_other_values_have_other_tokens(field: str, values: Sequence[str]) -> None:
    landed = json.loads(
        with_tokens("json", [json.dumps([{field: text} for text in values]).encode()])
    )
    assert len({record[field] for record in landed}) == len(values)


@given(st.text(max_size=300), st.sampled_from(["x", "username", "phone"]))
def test_c_spells_and_hashes_as_python_does(value: str, field: str) -> None:
    kind = PersonalFields([], []).kind_of(field)
    spelled = one_spelling(value, kind).encode(errors="surrogatepass")
    of_report = pseudonyms()
    mac = hashlib.blake2b(spelled, key=of_report._key, digest_size=16).digest()
    landed = with_tokens("json", [json.dumps({field: value}).encode()])
    wanted = base64.b32encode(mac).decode().rstrip("=").lower() if value else ""
    assert json.loads(landed) == {field: wanted}


@pytest.mark.parametrize("names", [*permutations(("Nick name", "nickName", "NICKNAME"))])
def test_a_field_that_files_spell_in_several_ways_is_named_in_one(names: Sequence[str]) -> None:
    fields = PersonalFields(["Phone"], [])
    for name in (*names, "PHONE"):
        fields.note(name, fields.kind_of(name))
    assert fields.names() == ["NICKNAME", "Phone"]


def test_tokens_stay_as_they_are_as_long_as_the_version_does() -> None:
    """Another token for the same value ends the history of whoever joins by it."""
    assert VERSION == 2
    header, values = "phone,username,userId,score", "+49 151 1234,Ada@Example.com,U-1,4.90"
    tokens = "h7mdeady5t47afqx63umnwlncm,7b23kud4tzqzachqtz2sabt6rq,dp4lbl62rw4jsvgykdv4gbae2i,"
    tokens += "3dvpg2plylzj42dkkzcgsp3uky"
    given, wanted = (f"{header}\n{row}\n".encode() for row in (values, tokens))
    assert with_tokens("csv", [given]) == wanted


def test_memory_does_not_grow_with_the_report() -> None:
    chunk = b'{"username":"uuuuuuuuuu","phone":"+49"}\n' * 1000
    tracemalloc.start()
    landed = sum(map(len, landing(pseudonyms(), "json", itertools.repeat(chunk, 100))))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < landed / 4


# --- keys, filters and what a manifest says -------------------------------------------------------


def test_another_key_or_environment_gives_other_tokens_and_has_another_id() -> None:
    ids = set()
    for key in (KEY, "j" * 64):
        for environment in (ENVIRONMENT, ENVIRONMENT.replace("a", "b")):
            of_export = Pseudonyms(["phone"], key).of(request_for(environment=environment))
            [text] = filter(None, landing(of_export, "json", [b'{"phone":"+49"}']))
            assert json.loads(text) == {"phone": token("+49", "phone", key, environment)}
            ids.add(of_export.to_document()["keyId"])
            assert re.fullmatch("2-[0-9a-f]{16}", of_export.to_document()["keyId"])
    assert len(ids) == 4


def test_exports_of_one_key_and_environment_have_its_id_whatever_they_asked_for() -> None:
    assert pseudonyms("phone", asked=["phone", "deviceId"]).to_document() == {
        "fields": ["phone"],
        "keyId": pseudonyms("username", "phone", "email").to_document()["keyId"],
    }


def with_filter(export: Export, text: str) -> Export:
    return replace(export, request=replace(export.request, filter=text))


def test_a_filter_is_kept_as_a_keyed_hash_and_the_names_of_its_fields() -> None:
    text = 'username eq "ada@example.com" and not (mfaEnabled eq "true")'
    export = with_filter(export_of("exploration"), text)
    kept = pseudonyms().without_filter(export)
    assert re.fullmatch(r"filter on username, mfaEnabled: [0-9a-f]{32}", kept.request.filter)
    # What StartReport has kept of it, and what an earlier try has, leads to the same.
    hashed = with_filter(export, without_values(text))
    assert pseudonyms().without_filter(hashed) == pseudonyms().without_filter(kept) == kept
    assert Pseudonyms(["phone"], "j" * 64).of(request_for()).without_filter(hashed) != kept
    assert pseudonyms().without_filter(with_filter(export, "")).request.filter == ""


@pytest.mark.parametrize("key", ["", "k" * 31, "k" * 65, "k" * 32 + " ", "é" * 32, "k" * 32 + "\n"])
def test_a_secret_that_holds_no_key_is_refused_without_its_text(key: str) -> None:
    with pytest.raises(InvalidPseudonymKey) as raised:
        Pseudonyms(["phone"], key)
    assert "kk" not in str(raised.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("phone", "+49 151 23456789"),
        ("familyName", "Zoë O'Brien"),
        ("familyName", "Zoe\u0308"),
        ("username", "JOSÉ@x "),
        ("userId", 'a"b'),
    ],
)
def test_the_documented_command_computes_the_token_of_one_value(
    field: str, value: str, tmp_path: Path
) -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    (command,) = re.findall(r"```sh\n(aws secretsmanager get-secret-value .*?)```", page, re.DOTALL)
    # What the AWS CLI prints for the secret that was asked for.
    program = tmp_path / "aws"
    program.write_text(
        '#!/bin/sh\ntest "$*" = "secretsmanager get-secret-value --secret-id arn:key '
        f'--query SecretString --output text" && echo {KEY}\n'
    )
    program.chmod(0o755)
    command = command.replace("<PseudonymKeyArn>", "arn:key")
    command, _, _ = command.partition(" <environment id>")
    done = subprocess.run(
        ["sh", "-c", f'{command} "$@"', "sh", ENVIRONMENT, field, value],
        env={**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{token(value, field)} {value}\n"
