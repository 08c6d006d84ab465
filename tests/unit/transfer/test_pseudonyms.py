"""A value stays if its field holds no person; else a token stands there, however a file is cut."""

import base64
import csv
import hashlib
import io
import json
import os
import re
import subprocess
import tracemalloc
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.pingone_simulator.report_data import ALL_FIELDS, DevicesReport, JsonShape
from pingone_reports.errors import FieldMissing, InvalidPseudonymKey, InvalidReport
from pingone_reports.model.export import Execution, Export
from pingone_reports.model.fields import KNOWN, WITHOUT_PERSON
from pingone_reports.model.filters import without_values
from pingone_reports.model.report_file import Format
from pingone_reports.transfer.personal_data import PersonalFields, one_spelling
from pingone_reports.transfer.pseudonyms import ExportPseudonyms, Pseudonyms
from pingone_reports.transfer.token_stream import TokenStream
from pingone_reports.zips.encrypted_zip import Piece
from tests.support.chunks import CUTS, cut
from tests.support.tokens import ENVIRONMENT, KEY, request_for, token

ROOT = Path(__file__).parents[3]
BOM = b"\xef\xbb\xbf"
FIELDS = ("phone", "userId")
KIND_OF_NAME = {"phone": "phone", "mobilephone": "phone", "username": "username"}


def pseudonyms(*fields: str, asked: Sequence[str] = ()) -> ExportPseudonyms:
    return Pseudonyms(fields or FIELDS, KEY).of(request_for(*asked))


def with_tokens(format_name: str, chunks: Iterable[bytes], fields: Sequence[str] = FIELDS) -> bytes:
    stream = pseudonyms(*fields).in_file(Format(format_name))
    return b"".join(stream.replaced(Piece(b"", chunk) for chunk in chunks))


def token_of(name: str, value: str) -> str:
    """What stands in the place of a value, with the field's name as a file spells it."""
    letters = "".join(filter(str.isalnum, name.lower()))
    return token(value, KIND_OF_NAME.get(letters, ""))


def written_by(stream: TokenStream, chunks: Iterable[bytes]) -> bytes:
    """What a file's stream gives before it fails."""
    written = b""
    texts = stream.replaced(Piece(b"", chunk) for chunk in chunks)
    try:
        for text in texts:
            written += text
    except (InvalidReport, FieldMissing) as error:
        told = str(error)
    else:
        pytest.fail("The file was read to its end.")
    assert "+49" not in told
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


# --- CSV ------------------------------------------------------------------------------------------

_TEXTS = st.lists(
    st.sampled_from(
        [*'",\n\r \\aBé+É山🦊4.90-\u2028\x00\u0301\u00a0İŘ', "x" * 20, "y" * 70, "٣", "123"]
    ),
    max_size=8,
).map("".join)
_HEADERS = st.permutations(
    ["phone", "username", "deviceType", 'other, "name"', "", "Mobile phone", "mfa_enabled"]
) | st.just(["PHONE", "user_name", "phone", "Device-Type"])


def _in_csv(value: str, new: str, quoted: bool, spaces: str) -> tuple[str, str]:
    """A value of CSV as it is written, and what must stand there then."""
    if quoted or spaces or set(value) & set('",\r\n') or value.startswith(" "):
        escaped = value.replace('"', '""')
        inside = escaped if value == new else new
        return f'{spaces}"{escaped}"{spaces}', f'{spaces}"{inside}"{spaces}'
    return value, new


@st.composite
def csv_files(draw: st.DrawFn) -> tuple[str, str, list[list[str]]]:
    """A file, what it must become, and the rows that a parser reads of it then."""
    header = draw(_HEADERS)
    clear = ("deviceType", "mfa_enabled", "Device-Type")
    rows = draw(st.lists(st.lists(_TEXTS, min_size=len(header), max_size=len(header)), max_size=6))
    raw, wanted, parsed = [], [], [header]
    for row in rows:
        pairs = zip(row, header, strict=True)
        parsed.append(
            [
                token_of(name, value) if value and name not in clear else value
                for value, name in pairs
            ]
        )
    for row, new_row in zip([header, *rows], parsed, strict=True):
        cells = [
            _in_csv(value, new, draw(st.booleans()), draw(st.sampled_from(["", "", " "])))
            for value, new in zip(row, new_row, strict=True)
        ]
        raw.append(",".join(before for before, _ in cells))
        wanted.append(",".join(after for _, after in cells))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    last = draw(st.sampled_from([end, ""]))
    return end.join(raw) + last, end.join(wanted) + last, parsed


class TestCsv:
    @given(csv_files(), st.booleans(), CUTS)
    def test_all_values_become_tokens_but_of_fields_that_hold_no_person(
        self, file: tuple[str, str, list[list[str]]], bom: bool, places: list[float]
    ) -> None:
        raw, wanted, parsed = file
        mark = BOM if bom else b""

        landed = with_tokens("csv", cut(mark + raw.encode(), places))

        assert landed == mark + wanted.encode()
        rows = csv.reader(io.StringIO(wanted, newline=""), skipinitialspace=True)
        read = [[value.rstrip(" ") for value in row] for row in rows]
        assert read == [[value.rstrip(" ") for value in row] for row in parsed]

    @pytest.mark.parametrize(
        "marked",
        [
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
        ],
    )
    def test_everything_else_keeps_its_bytes_wherever_the_file_is_cut(self, marked: str) -> None:
        raw, wanted = before_and_after(marked)
        for mark in (b"", BOM):
            for chunks in every_cut(mark + raw):
                assert with_tokens("csv", chunks) == mark + wanted

    @pytest.mark.parametrize(
        "rows",
        [
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
            b'"' + b"+49" * 500_000 + b'",u\n',
        ],
    )
    def test_nothing_behind_a_row_that_can_be_read_in_two_ways_is_written(
        self, rows: bytes
    ) -> None:
        data = b"phone,userId\nx,y\n" + rows + b"+49,+49\n"
        cuts = (
            every_cut(data)
            if len(data) < 100
            else [[data[at : at + 9999] for at in range(0, len(data), 9999)]]
        )
        for chunks in cuts:
            written = written_by(pseudonyms().in_file(Format.CSV), chunks)
            assert b"+49" not in written
            assert b"phone,userId\nx" not in written

    @pytest.mark.parametrize("header", ["deviceType", "telephone,deviceType", "phone;userId"])
    def test_a_report_without_a_named_column_that_was_asked_for_is_refused_before_its_rows(
        self, header: str
    ) -> None:
        stream = pseudonyms("phone", asked=["deviceType", "phone"]).in_file(Format.CSV)
        assert written_by(stream, [f"{header}\n+49,+49\n".encode()]) == b""

    @pytest.mark.parametrize("asked", [[], ["userId"], ["userId", "deviceType"]])
    def test_a_named_column_that_was_not_asked_for_may_be_missing(self, asked: list[str]) -> None:
        of_report = pseudonyms("phone", "username", asked=asked)
        stream = of_report.in_file(Format.CSV)
        landed = b"".join(stream.replaced([Piece(b"", b"userId,deviceType\nu,SMS\n")]))
        assert landed == f"userId,deviceType\n{token('u')},SMS\n".encode()

    @pytest.mark.parametrize(
        "row", ["8d6f,ada,+49 151", "ada@example.com,SMS", "15 Main St,ACTIVE"]
    )
    def test_a_file_without_a_header_is_refused_before_its_first_row(self, row: str) -> None:
        stream = pseudonyms().in_file(Format.CSV)
        written = written_by(stream, [f"{row}\n{row}\n".encode()])
        assert written == b""

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
    @pytest.mark.parametrize("format_name", ["csv", "json"])
    def test_another_encoding_is_refused(self, encoding: str, format_name: str) -> None:
        text = {"csv": "phone,userId\n+49,u\n", "json": '[{"phone":"+49","userId":"u"}]'}
        data = text[format_name].encode(encoding)
        with pytest.raises((InvalidReport, FieldMissing)):
            with_tokens(format_name, [data])

    def test_a_report_of_too_many_columns_is_refused(self) -> None:
        assert with_tokens("csv", [b"phone,userId" + b"," * 998 + b"\n"])
        with pytest.raises(InvalidReport, match="1000 columns"):
            with_tokens("csv", [b"phone,userId" + b"," * 999 + b"\n"])
        with pytest.raises(InvalidReport, match="32,768 bytes"):
            with_tokens("csv", [",".join(f"{n:n>40}" for n in range(999)).encode() + b"\n"])

    def test_each_column_of_a_repeated_name_is_named(self) -> None:
        names, row = ["phone"] * 999 + ["userId"], ["+49"] * 1000
        data = "\n".join(map(",".join, [names, *[row] * 30])) + "\n"
        landed = with_tokens("csv", [data.encode()])
        assert landed.count(token("+49", "phone").encode()) == 30_000
        assert b"+49" not in landed


# --- JSON -----------------------------------------------------------------------------------------

_NAMES = st.sampled_from(
    [
        "phone",
        "userId",
        "deviceType",
        "Phone",
        "user_name",
        "mfa Enabled",
        "a user's",
        "",
        "é",
        '"x"',
    ]
)
_SPACES = st.sampled_from(["", "", " ", "\n  ", "\t\r\n"])


def is_person(name: str) -> bool:
    return name not in ("deviceType", "mfa Enabled", "size")


class Writer:
    """Writes JSON in a random style, as it is and with tokens in the places of values."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self.raw, self.wanted = "", ""

    def both(self, text: str) -> None:
        self.raw += text
        self.wanted += text

    def space(self) -> None:
        self.both(self._draw(_SPACES))

    def token(self, name: str, text: str, number: bool = False) -> str:
        # A number is one in a field of phone numbers too: 4.90 is 4.9.
        return token_of(
            name, text.rstrip("0").removesuffix(".") if number and "e" not in text else text
        )

    def string(self, value: str) -> str:
        style = self._draw(st.sampled_from(["ascii", "plain", "escaped"]))
        if style == "escaped":
            units = value.encode("utf-16-be", "surrogatepass").hex()
            return '"' + "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)) + '"'
        return json.dumps(value, ensure_ascii=style == "ascii").replace("/", r"\/")

    def value(self, value: Any, name: str = "") -> None:
        self.space()
        match value:
            case dict():
                self.both("{")
                for number, (inner_name, inner) in enumerate(value.items()):
                    self.both("," if number else "")
                    self.space()
                    self.both(self.string(inner_name))
                    self.space()
                    self.both(":")
                    self.value(inner, inner_name)
                self.space()
                self.both("}")
            case list():
                self.both("[")
                for number, inner in enumerate(value):
                    self.both("," if number else "")
                    self.value(inner, name)
                self.space()
                self.both("]")
            case str():
                text = self.string(value)
                self.raw += text
                self.wanted += f'"{self.token(name, value)}"' if value and is_person(name) else text
            case _:
                text = json.dumps(value)
                self.raw += text
                token = f'"{self.token(name, text, isinstance(value, float))}"'
                self.wanted += token if value is not None and is_person(name) else text
        self.space()


_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXTS
)


def _objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(_NAMES, inner, max_size=4)


_RECORDS = st.lists(
    _objects(
        st.recursive(
            _SCALARS, lambda inner: st.lists(inner, max_size=3) | _objects(inner), max_leaves=6
        )
    ),
    max_size=5,
)


@st.composite
def json_files(draw: st.DrawFn) -> tuple[str, str]:
    """A file, and what it must become."""
    records, writer = draw(_RECORDS), Writer(draw)
    match draw(st.sampled_from(["array", "object", "lines"])):
        case "array":
            writer.value(records)
        case "object":
            writer.value({"size": 1, "_embedded": {"phone": "+49", "entries": records}})
        case _:
            for record in records:
                writer.value(record)
                writer.both("\n")
    return writer.raw, writer.wanted


class TestJson:
    @given(json_files(), st.booleans(), CUTS)
    def test_all_values_become_tokens_but_of_fields_that_hold_no_person(
        self, file: tuple[str, str], bom: bool, places: list[float]
    ) -> None:
        raw, wanted = file
        mark = BOM if bom else b""
        data = mark + raw.encode()

        landed = with_tokens("json", cut(data, places))

        assert landed == mark + wanted.encode()

    @pytest.mark.parametrize(
        "marked",
        [
            '[{"phone":"{{phone: +49}}","userId":"{{userId: u}}"}]',
            r'{"x" : "{{x: a\"\u00e9\ud83e\udd8a\/ = a"é🦊/}}" ,"userId":[[userId: 1.10]]}',
            '{"phone":null,"userId":""}\r\n{"phone":[[phone: true]],"userId":[[userId: -1E+5]]}\n',
            r'[{"\u0070h\u006Fne":"{{phone: +49}}","phone":"{{phone: +4}}","x":"{{x: phone}}"}]',
            '{"entries":[{"userId":"{{userId: u}}","deviceType":{"phone":"{{phone: +49}}",'
            '"osType":["phone",1e999],"x":["{{x: a}}",[[[x: 2]],{"y":"{{y: b}}"}]]}}],"size":1.0}',
            '[{"phone":{"number":"{{number: +49 1}}","list":[["{{list: +49 1}}"]]}}]',
            '[["{{: phone}}"],["{{: +49 1}}",null,[[: 12]]]]',
            '[{"phone":["{{phone: +49 1}}","{{phone: +49-1}}"],"osVersion" :\n"18.1.10"}]',
        ],
    )
    def test_everything_else_keeps_its_bytes_wherever_the_file_is_cut(self, marked: str) -> None:
        raw, wanted = before_and_after(marked)
        for mark in (b"", BOM):
            for chunks in every_cut(mark + raw):
                assert with_tokens("json", chunks) == mark + wanted

    def test_half_a_character_has_a_token_too(self) -> None:
        landed = with_tokens("json", [rb'[{"phone":"\ud83e","userId":"\udd8a\ud83e"}]'])
        tokens = [token("\ud83e", "phone"), token("\udd8a\ud83e")]
        assert landed == f'[{{"phone":"{tokens[0]}","userId":"{tokens[1]}"}}]'.encode()

    @pytest.mark.parametrize(
        "text",
        [
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
        ],
    )
    def test_nothing_behind_what_is_no_json_is_written(self, text: bytes) -> None:
        for chunks in every_cut(text + b'[{"userId":"+49"}]'):
            written = written_by(pseudonyms().in_file(Format.JSON), chunks)
            assert b"+49" not in written

    def test_a_value_that_does_not_end_is_refused_in_bounded_memory(self) -> None:
        stream = pseudonyms().in_file(Format.JSON)
        chunks = [b'[{"phone":"', *[b"+49" * 50_000] * 200, b'"}]']
        tracemalloc.start()
        assert b"+49" not in written_by(stream, iter(chunks))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 8_000_000

    @pytest.mark.parametrize("data", [b"", b"[]", b'{"entries":[],"size":0}', b'[{"size":1}]'])
    def test_records_may_leave_out_what_nobody_has(self, data: bytes) -> None:
        stream = pseudonyms("phone", asked=["phone", "size"]).in_file(Format.JSON)
        assert b"".join(stream.replaced([Piece(b"", data)])) == data

    def test_names_that_are_no_schema_are_refused(self) -> None:
        many = ",".join(f'"n{number}":"x"' for number in range(999))
        assert with_tokens("json", [f"[{{{many}}}]".encode()])
        for more in ('"one":1', f'"{"l" * 40_000}":1'):
            with pytest.raises(InvalidReport, match="1000 columns or names"):
                with_tokens("json", [f"[{{{many},{more}}}]".encode()])

    def test_a_thousand_lists_in_each_other_are_still_read(self) -> None:
        data = b"[" * 998 + b'[{"phone":"+49"}]' + b"]" * 998
        assert token("+49", "phone").encode() in with_tokens("json", [data], ["phone"])
        with pytest.raises(InvalidReport, match="open brackets"):
            with_tokens("json", [b"[" + data + b"]"], ["phone"])


# --- both -----------------------------------------------------------------------------------------


_PERSONS = ("userId", "username", "givenName", "familyName", "email", "phone", "deviceNickname",
            "deviceName")  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "named"),
    [("array", ("phone",)), ("object", (*_PERSONS, "deviceId")), ("lines", ("deviceId",))],
)
def test_csv_and_json_of_a_devices_report_have_the_same_tokens(
    shape: JsonShape, named: Sequence[str]
) -> None:
    report, fields = DevicesReport(4500, ALL_FIELDS), {*_PERSONS, *named}
    as_csv = [block.encode() for block in report.csv_blocks()]
    as_json = [block.encode() for block in report.json_blocks(shape)]

    landed_csv = with_tokens("csv", as_csv, named).decode()
    landed_json = with_tokens("json", as_json, named).decode()

    rows = list(csv.DictReader(io.StringIO(landed_csv, newline="")))
    raw = list(csv.DictReader(io.StringIO(b"".join(as_csv).decode(), newline="")))
    match shape:
        case "array":
            records = json.loads(landed_json)
        case "object":
            records = json.loads(landed_json)["entries"]
        case "lines":
            records = list(map(json.loads, landed_json.split("\n")[:-1]))
    assert rows == records
    assert rows == [
        {
            name: token(value, name) if value and name in fields else value
            for name, value in record.items()
        }
        for record in raw
    ]


def test_no_field_that_stays_is_of_a_person() -> None:
    of_persons = {"userid", "username", "name", "id", "accountid", "ipaddress", "location"}
    of_persons |= {name.lower() for name in _PERSONS}
    parts = ("name", "mail", "phone", "address", "user", "nick", "number", "person", "contact")
    assert not WITHOUT_PERSON & of_persons
    holding = {name for name in WITHOUT_PERSON if any(part in name for part in parts)}
    assert holding == {"usercreatedat", "userupdatedat", "modelname", "fidouserverification"}
    assert WITHOUT_PERSON - {"count", "size"} <= {*KNOWN}


_UNKNOWN = ("phoneNumber", "mobilePhone", "deviceName", "Telefon", "deviceTypé", "userNickname",
            "device type name", "homeAddress", "IMEI", "ﬁeld")  # fmt: skip


@pytest.mark.parametrize("name", _UNKNOWN)
def test_a_field_that_nobody_knows_becomes_a_token_and_the_manifest_names_it(name: str) -> None:
    as_csv = f"{name},deviceType\nCanary,SMS\n"
    nested = {"deviceType": "SMS", "x": {name: ["Canary", {"deviceStatus": "ACTIVE"}], "n": 12345}}
    for file_format, text, also in (
        (Format.CSV, as_csv, []),
        (Format.JSON, json.dumps([nested]), ["n"]),
    ):
        of_report = pseudonyms("phone")
        pieces = [Piece(b"", text.encode())]
        landed = b"".join(of_report.in_file(file_format).replaced(pieces)).decode()
        assert "Canary" not in landed
        assert "12345" not in landed
        assert token("Canary") in landed
        assert "SMS" in landed
        assert of_report.to_document()["fields"] == sorted(["phone", name, *also])


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
    for field in fields:
        rows = io.StringIO(newline="")
        csv.writer(rows).writerows([[field], *([text] for text in spellings)])
        text = with_tokens("csv", [rows.getvalue().encode()]).decode()
        tokens |= {row[0] for row in csv.reader(io.StringIO(text, newline=""))} - {field}
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


def test_a_number_of_json_has_one_token_in_any_field() -> None:
    for field in ("phone", "x", "username"):
        landed = json.loads(
            with_tokens("json", [f'[{{"{field}":4.90}},{{"{field}":4.9}}]'.encode()])
        )
        assert landed[0] == landed[1]


@given(st.text(max_size=300), st.sampled_from(["x", "username", "phone"]))
def test_c_spells_and_hashes_as_python_does(value: str, field: str) -> None:
    kind = PersonalFields([], []).kind_of(field)
    spelled = one_spelling(value, kind).encode(errors="surrogatepass")
    of_report = pseudonyms()
    mac = hashlib.blake2b(spelled, key=of_report._key, digest_size=16).digest()
    landed = with_tokens("json", [json.dumps({field: value}).encode()])
    wanted = base64.b32encode(mac).decode().rstrip("=").lower() if value else ""
    assert json.loads(landed) == {field: wanted}


def test_memory_is_the_same_for_ten_times_the_report() -> None:
    peaks = []
    for blocks in (10, 100):
        stream = pseudonyms("username", "phone").in_file(Format.JSON)
        chunk = ('{"username":"' + "u" * 10 + '","phone":"+49"}\n') * 1000
        tracemalloc.start()
        for _ in stream.replaced(Piece(b"", chunk.encode()) for _ in range(blocks)):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.1


def test_another_key_or_environment_gives_other_tokens_and_has_another_id() -> None:
    landed = set()
    ids = set()
    for key in (KEY, "j" * 64):
        for environment in (ENVIRONMENT, ENVIRONMENT.replace("a", "b")):
            of_report = Pseudonyms(["phone"], key).of(request_for(environment=environment))
            stream = of_report.in_file(Format.JSON)
            text = b"".join(stream.replaced([Piece(b"", b'{"phone":"+49"}')]))
            assert json.loads(text) == {"phone": token("+49", "phone", key, environment)}
            landed.add(text)
            ids.add(of_report.to_document()["keyId"])
    assert (len(landed), len(ids)) == (4, 4)


def test_exports_of_one_key_and_environment_have_its_id_whatever_they_asked_for() -> None:
    one = pseudonyms("phone", asked=["phone", "deviceId"]).to_document()
    other = pseudonyms("username", "phone", "email").to_document()
    assert one["keyId"] == other["keyId"]
    assert re.fullmatch("2-[0-9a-f]{16}", one["keyId"])
    assert (one["fields"], other["fields"]) == (["phone"], ["email", "phone", "username"])


def export_with(filter_: str) -> Export:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    return Export(
        request=request_for(filter_=filter_),
        execution=Execution(arn="arn", name="name", started_at=now),
        exploration_id="exploration",
        requested_at=now,
        deadline=now,
    )


def test_a_filter_is_kept_as_a_keyed_hash_and_the_names_of_its_fields() -> None:
    export = export_with('username eq "ada@example.com" and not (mfaEnabled eq "true")')
    kept = pseudonyms("phone").without_filter(export)
    assert re.fullmatch(r"filter on username, mfaEnabled: [0-9a-f]{32}", kept.request.filter)
    # What StartReport has kept of it, and what an earlier try has, leads to the same.
    hashed = replace(
        export, request=replace(export.request, filter=without_values(export.request.filter))
    )
    assert pseudonyms("phone").without_filter(hashed) == kept
    assert pseudonyms("phone").without_filter(kept) == kept
    assert Pseudonyms(["phone"], "j" * 64).of(request_for()).without_filter(hashed) != kept
    assert pseudonyms().without_filter(export_with("")) == export_with("")


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
