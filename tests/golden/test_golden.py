"""The numbers are what they were when the golden file was made, to 1e-9 where a fit is not iterated to less."""

import golden_file
import pytest
from cases import all_cases
from cases_results import differences

GOLDEN = golden_file.read()
CASES = all_cases()
GROUPS = list(dict.fromkeys(case.group for case in CASES))


def absent(case):
    return [name for name in case.needs if golden_file.installed(name) is None]


def other_engine(case):
    """Whether another version of an engine hashes rows its own way."""
    return case.own_engine and any(
        GOLDEN["engines"][name] != golden_file.installed(name) for name in case.needs if name != "pyarrow"
    )


def failure(case):
    """What is not as it was; nothing where all is."""
    golden = GOLDEN["cases"][case.name]
    try:
        numbers = case.run()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if sorted(numbers) != sorted(golden):
        return f"features are {sorted(numbers)}, not {sorted(golden)}"
    far = {name: differences(values, golden[name], case.relative) for name, values in numbers.items()}
    if far := {name: text for name, text in far.items() if text}:
        return "; ".join(f"{name}: {text}" for name, text in list(far.items())[:3]) + f" ({len(far)} features)"
    return ""


def test_each_case_is_in_the_file():
    assert sorted(case.name for case in CASES) == sorted(GOLDEN["cases"])


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_numbers_are_what_they_were(group):
    own = [case for case in CASES if case.group == group and not absent(case) and not other_engine(case)]
    if not own:
        pytest.skip("its optional packages are not installed")
    failures = {case.name: failure(case) for case in own}
    failures = {name: text for name, text in failures.items() if text}
    lines = "\n".join(f"  {name}: {text}" for name, text in failures.items())
    assert not failures, f"{len(failures)} of {len(own)} cases are not as they were:\n{lines}"
