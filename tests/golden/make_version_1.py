"""Write the files of version 1, which only a version of the library can that writes this version."""

import json
from typing import Any

import golden_file
from cases_results import Numbers
from version_1_files import FOLDER, all_files, encoders


def written(numbers: Numbers) -> dict[str, list[str]]:
    return {name: [float(value).hex() for value in values] for name, values in numbers.items()}


def lines(content: dict[str, Any]) -> str:
    """JSON with an item a line."""
    return "{\n" + ",\n".join(f" {json.dumps(name)}: {json.dumps(item)}" for name, item in content.items()) + "\n}"


def main() -> None:
    expected: dict[str, Any] = {"environment": golden_file.environment(), "new": {}, "later": {}}
    FOLDER.mkdir(exist_ok=True)
    for name, (_, made, encoded) in all_files().items():
        encoder = made()
        text = encoder.to_json()
        if json.loads(text)["version"] != 1:
            raise SystemExit(
                "This version of the library writes another version of the file, and must only read these."
            )
        (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")
        expected["new"][name] = written(encoded(encoder))
        if name in encoders() and encoders()[name].how == "partial_fit":
            expected["later"][name] = written(encoders()[name].encoded_later(encoder))
    parts = [f"{json.dumps(part)}: {lines(content)}" for part, content in expected.items()]
    (FOLDER / "expected.json").write_text("{" + ",\n".join(parts) + "}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
