"""Tokens stand in the places of the named fields' values alone, however a file is cut."""

import csv
import io
import json
import os
import re
import subprocess
import tracemalloc
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.pingone_simulator.report_data import ALL_FIELDS, DevicesReport, JsonShape
from pingone_reports.errors import FieldMissing, InvalidPseudonymKey, InvalidReport
from pingone_reports.model.report_file import Format
from pingone_reports.transfer.pseudonyms import Pseudonyms, TokenStream
from pingone_reports.zips.encrypted_zip import Piece
from tests.support.chunks import CUTS, cut
from tests.support.tokens import KEY, token

ROOT = Path(__file__).parents[3]
BOM = b"\xef\xbb\xbf"
FIELDS = ("phone", "userId")


def with_tokens(
    format_name: str,
    chunks: Iterable[bytes],
    fields: Sequence[str] = FIELDS,
    records: int | None = None,
) -> bytes:
    stream = Pseudonyms(fields, KEY).in_file(Format(format_name))
    text = b"".join(stream.replaced(Piece(b"", chunk) for chunk in chunks))
    if records is not None:
        stream.require_fields(records)
    return text


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
    """A text with {{values}} or {{values = as they are read}}, and with tokens in their places.

    The token of a [[value]] is quoted.
    """
    raw = re.sub(r"\[\[(.*?)\]\]|\{\{(.*?)(?: = .*?)?\}\}", r"\1\2", marked, flags=re.DOTALL)
    wanted = re.sub(
        r"\{\{(?:.*? = )?(.*?)\}\}", lambda found: token(found[1]), marked, flags=re.DOTALL
    )
    wanted = re.sub(r"\[\[(.*?)\]\]", lambda found: f'"{token(found[1])}"', wanted)
    return raw.encode(), wanted.encode()


def every_cut(data: bytes) -> Iterable[list[bytes]]:
    """The file as a whole, byte by byte, and in two at every place."""
    yield [data]
    yield [data[at : at + 1] for at in range(len(data))]
    yield from ([data[:at], data[at:]] for at in range(len(data)))


# --- CSV ------------------------------------------------------------------------------------------

_TEXTS = st.lists(
    st.sampled_from([*'",\n\r \\ab+é山🦊\u2028\x00', "x" * 20, "y" * 70]), max_size=8
).map("".join)
_HEADERS = st.permutations(["phone", "userId", "deviceType", 'other, "name"', ""]) | st.just(
    ["PHONE", "user_id", "phone", "deviceType"]
)


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
    named = [name.lower().replace("_", "") in ("phone", "userid") for name in header]
    rows = draw(st.lists(st.lists(_TEXTS, min_size=len(header), max_size=len(header)), max_size=6))
    raw, wanted, parsed = [], [], [header]
    for row in rows:
        pairs = zip(row, named, strict=True)
        parsed.append([token(value) if here and value else value for value, here in pairs])
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
    def test_exactly_the_named_values_become_tokens(
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
            "phone,userId\n{{+49}},{{u}}\n",
            '"userId","phone"\r\n"{{u}}","{{+49}}"',
            "phone,x,userId\n,,\n",
            'phone,userId\n"",{{u}}\n',
            'phone,x,userId\n"{{a ""b"", c\r\nd = a "b", c\r\nd}}",1,{{u}}\r\n\r\n',
            'phone,userId\n"{{"" = "}}","{{"""" = ""}}"\n',
            'phone, "userId" \n "{{+49}}" , "{{u}}"\n',
            "phone,userId\n{{ +49}},{{u }}\n",
            "x,phone,userId\n+49 Straße,{{山田🦊}},{{u}}\n",
            "phone,userId\n",
            "phone,userId",
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
            written = written_by(Pseudonyms(FIELDS, KEY).in_file(Format.CSV), chunks)
            assert b"+49" not in written
            assert b"phone,userId\nx" not in written

    @pytest.mark.parametrize(
        "header", ["userId", "telephone,userId", "phone;userId", "u\nphone", ""]
    )
    def test_a_report_without_a_named_column_is_refused_before_its_rows(self, header: str) -> None:
        written = written_by(
            Pseudonyms(FIELDS, KEY).in_file(Format.CSV), [f"{header}\n+49,+49\n".encode()]
        )
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

    def test_each_column_of_a_repeated_name_is_named(self) -> None:
        names, row = ["phone"] * 999 + ["userId"], ["+49"] * 1000
        data = "\n".join(map(",".join, [names, *[row] * 30])) + "\n"
        landed = with_tokens("csv", [data.encode()])
        assert landed.count(token("+49").encode()) == 30_000
        assert b"+49" not in landed


# --- JSON -----------------------------------------------------------------------------------------

_NAMES = st.sampled_from(
    ["phone", "userId", "deviceType", "Phone", "user_id", "phones", "a phone's", "", "é", '"phone"']
)
_SPACES = st.sampled_from(["", "", " ", "\n  ", "\t\r\n"])


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

    def string(self, value: str) -> str:
        style = self._draw(st.sampled_from(["ascii", "plain", "escaped"]))
        if style == "escaped":
            units = value.encode("utf-16-be", "surrogatepass").hex()
            return '"' + "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)) + '"'
        return json.dumps(value, ensure_ascii=style == "ascii").replace("/", r"\/")

    def value(self, value: Any, named: bool = False) -> None:
        self.space()
        match value:
            case dict():
                self.both("{")
                for number, (name, inner) in enumerate(value.items()):
                    self.both("," if number else "")
                    self.space()
                    self.both(self.string(name))
                    self.space()
                    self.both(":")
                    letters = "".join(filter(str.isalnum, name.lower()))
                    self.value(inner, letters in ("phone", "userid"))
                self.space()
                self.both("}")
            case list():
                self.both("[")
                for number, inner in enumerate(value):
                    self.both("," if number else "")
                    self.value(inner)
                self.space()
                self.both("]")
            case str():
                text = self.string(value)
                self.raw += text
                self.wanted += f'"{token(value)}"' if named and value else text
            case _:
                text = json.dumps(value)
                self.raw += text
                self.wanted += f'"{token(text)}"' if named and value is not None else text
        self.space()


_SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | _TEXTS


def _objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Named fields hold scalars alone."""
    return st.dictionaries(_NAMES, inner, max_size=4).map(
        lambda values: {
            name: None
            if isinstance(value, dict | list)
            and "".join(filter(str.isalnum, name.lower())) in ("phone", "userid")
            else value
            for name, value in values.items()
        }
    )


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
    def test_exactly_the_named_values_become_tokens(
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
            '[{"phone":"{{+49}}","userId":"{{u}}"}]',
            r'{"phone" : "{{a\"\u00e9\ud83e\udd8a\/ = a"é🦊/}}" ,"userId":[[1.10]]}',
            '{"phone":null,"userId":""}\r\n{"phone":[[true]],"userId":[[-1E+5]]}\n',
            r'[{"\u0070h\u006Fne":"{{+49}}","phone":"{{+49}}","phone":"{{x}}","userId":"{{phone}}"}]',
            '{"entries":[{"userId":"{{u}}","x":{"phone":"{{+49}}","y":["phone",1e999]}}],"size":1.0}',
            '[{"x":"phone","a":["phone","+49"],"userId":"{{u}}","phone" :\n"{{+49}}"}]',
        ],
    )
    def test_everything_else_keeps_its_bytes_wherever_the_file_is_cut(self, marked: str) -> None:
        raw, wanted = before_and_after(marked)
        for mark in (b"", BOM):
            for chunks in every_cut(mark + raw):
                assert with_tokens("json", chunks) == mark + wanted

    def test_half_a_character_has_a_token_too(self) -> None:
        landed = with_tokens("json", [rb'[{"phone":"\ud83e","userId":"\udd8a\ud83e"}]'])
        tokens = [token("\ud83e"), token("\udd8a\ud83e")]
        assert landed == f'[{{"phone":"{tokens[0]}","userId":"{tokens[1]}"}}]'.encode()

    @pytest.mark.parametrize(
        "text",
        [
            b'[{"phone":["+49"]}]',
            b'[{"phone":{"number":"+49"}}]',
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
            written = written_by(Pseudonyms(FIELDS, KEY).in_file(Format.JSON), chunks)
            assert b"+49" not in written

    def test_a_value_that_does_not_end_is_refused_in_bounded_memory(self) -> None:
        stream = Pseudonyms(FIELDS, KEY).in_file(Format.JSON)
        chunks = [b'[{"phone":"', *[b"+49" * 50_000] * 200, b'"}]']
        tracemalloc.start()
        assert b"+49" not in written_by(stream, iter(chunks))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 8_000_000

    def test_a_report_without_a_named_field_is_refused(self) -> None:
        with pytest.raises(FieldMissing, match="userId: ask"):
            with_tokens("json", [b'[{"phone":"+49"}]'], records=1)

    @pytest.mark.parametrize("data", [b'[["phone"],["+49"]]', b'{"phone":"","rows":[["+49"]]}'])
    def test_rows_without_names_are_refused(self, data: bytes) -> None:
        with pytest.raises(FieldMissing):
            with_tokens("json", [data], records=0)

    @pytest.mark.parametrize("data", [b"", b"[]", b'{"entries":[],"size":0}'])
    def test_an_empty_report_lacks_no_field(self, data: bytes) -> None:
        assert with_tokens("json", [data], records=0) == data

    def test_a_thousand_lists_in_each_other_are_still_read(self) -> None:
        data = b"[" * 998 + b'[{"phone":"+49"}]' + b"]" * 998
        assert token("+49").encode() in with_tokens("json", [data], ["phone"])
        with pytest.raises(InvalidReport, match="open brackets"):
            with_tokens("json", [b"[" + data + b"]"], ["phone"])


# --- both -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["array", "object", "lines"])
def test_csv_and_json_of_a_devices_report_have_the_same_tokens(shape: JsonShape) -> None:
    fields = ("userId", "username", "givenName", "familyName", "email", "phone", "deviceId",
              "deviceNickname")  # fmt: skip
    report = DevicesReport(4500, ALL_FIELDS)
    as_csv = [block.encode() for block in report.csv_blocks()]
    as_json = [block.encode() for block in report.json_blocks(shape)]

    landed_csv = with_tokens("csv", as_csv, fields).decode()
    landed_json = with_tokens("json", as_json, fields).decode()

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
            name: token(value) if value and name in fields else value
            for name, value in record.items()
        }
        for record in raw
    ]


def test_memory_is_the_same_for_ten_times_the_report() -> None:
    peaks = []
    for blocks in (10, 100):
        stream = Pseudonyms(["username", "phone"], KEY).in_file(Format.JSON)
        chunk = ('{"username":"' + "u" * 10 + '","phone":"+49"}\n') * 1000
        tracemalloc.start()
        for _ in stream.replaced(Piece(b"", chunk.encode()) for _ in range(blocks)):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.1


def test_another_key_gives_other_tokens_and_has_another_id() -> None:
    one, other = Pseudonyms(["phone"], KEY), Pseudonyms(["phone"], "j" * 64)
    assert one.digests([b"+49"]) != other.digests([b"+49"])
    assert one.to_document()["keyId"] != other.to_document()["keyId"]
    assert Pseudonyms(["userId", "phone"], KEY).to_document() == {
        "fields": ["phone", "userId"],
        "keyId": one.to_document()["keyId"],
    }


@pytest.mark.parametrize("key", ["", "k" * 31, "k" * 65, "k" * 32 + " ", "é" * 32, "k" * 32 + "\n"])
def test_a_secret_that_holds_no_key_is_refused_without_its_text(key: str) -> None:
    with pytest.raises(InvalidPseudonymKey) as raised:
        Pseudonyms(["phone"], key)
    assert "kk" not in str(raised.value)


@pytest.mark.parametrize("value", ["+49 151 23456789", "Zoë O'Brien", 'a"b'])
def test_the_documented_command_computes_the_token_of_one_value(value: str, tmp_path: Path) -> None:
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
    done = subprocess.run(
        ["sh", "-c", command.replace("'+49 151 23456789'", '"$0"'), value],
        env={**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{token(value)}\n"
