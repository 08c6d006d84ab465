"""What GitHub runs is what was read."""

import re

from local.paths import ROOT

USED = re.compile(r"uses: *(\S+)(.*)")
PINNED = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40}")


def test_actions_are_pinned_by_their_commit_and_say_their_version() -> None:
    # A tag can be moved to another commit, a commit cannot.
    files = sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))
    used = [found for file in files for found in USED.findall(file.read_text())]
    assert used
    for action, comment in used:
        assert PINNED.fullmatch(action), action
        assert re.fullmatch(r" +# v\d+\.\d+\.\d+", comment), action
