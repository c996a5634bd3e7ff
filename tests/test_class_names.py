"""Names of classes as a command is told them."""

import json

import pytest

from interpret.foundation.errors import InterpretError
from interpret.models.class_names import named_classes
from interpret.report.checkpoints import named, separate
from interpret.report.command import parse, recorded

NAMES = ("tench", "great white shark", "Grüße")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("names.txt", "tench\ngreat white shark\r\nGrüße\n\n"),
        ("names", "\ufefftench\ngreat white shark\nGrüße"),
        ("list.json", json.dumps(NAMES)),
        ("numbers.json", json.dumps({"2": NAMES[2], "0": NAMES[0], "1": NAMES[1]})),
        ("imagenet.json", json.dumps({str(index): [f"n{index}", name] for index, name in enumerate(NAMES)})),
        ("turned.json", json.dumps({name: index for index, name in enumerate(NAMES)})),
    ],
)
def test_a_file_of_names_is_read_in_order(tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert named_classes(str(tmp_path / name)) == NAMES


@pytest.mark.parametrize("text", ["tench, great white shark,Grüße", "a/b,c", "x" * 5000 + ",y"])
def test_names_in_a_row_are_no_file(text):
    assert named_classes(text) == tuple(name.strip() for name in text.split(","))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{}", "no names in it"),
        ("[1, 2]", "not names of classes, one a line, or a JSON list or dict"),
        ('{"0": "a", "2": "b"}', r"the numbers are \[0, 2\], not 0 to 1"),
        ('"abc"', "a str is neither a list nor a dict"),
        ("not json", "not names of classes"),
        ("3", "not names of classes"),
    ],
)
def test_a_file_of_something_else_is_refused_in_one_line(tmp_path, content, told):
    (tmp_path / "names.json").write_text(content)
    with pytest.raises(InterpretError, match=told) as refused:
        named_classes(str(tmp_path / "names.json"))
    assert "\n" not in str(refused.value)


def test_the_names_of_one_checkpoint_alone_are_in_its_file(tmp_path):
    file = tmp_path / "names.txt"
    file.write_text("\n".join(NAMES), encoding="utf-8")
    argument = f"a.pt:classes={file},tau=0.01"
    assert separate(argument)[1] == {"classes": NAMES, "tau": 0.01}
    assert named(argument) == "a.pt:classes=names.txt,tau=0.01"
    argv = ["a.pt", "--classes", str(file)]
    assert parse(argv).classes == [NAMES]
    assert recorded(argv, parse(argv)).endswith("a.pt --classes names.txt")


def test_a_folder_holds_no_names(tmp_path):
    with pytest.raises(InterpretError, match=r"is no file; expected one of class names"):
        named_classes(f"{tmp_path}/")
