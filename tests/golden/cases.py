"""All golden cases: what the numbers of the library must stay equal to."""

import cases_flat
import cases_methods
import cases_posteriors
import cases_streams
import cases_structured
from cases_results import Case

EVERY = 3  # neighbors differ in one option, so a third of them takes a third of the time and finds as much


def all_cases() -> list[Case]:
    cases = [case for part in (cases_flat, cases_structured, cases_streams, cases_methods) for case in part.cases()]
    assert len({case.name for case in cases}) == len(cases)
    return [
        *cases[::EVERY],
        *cases_flat.by_parts(),
        *cases_posteriors.cases(),
        *cases_flat.by_drift(),
        *cases_flat.by_features(),
    ]
