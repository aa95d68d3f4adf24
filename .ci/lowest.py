"""Print the lowest versions that pyproject.toml allows of what the package and its tests run on, as constraints."""

import re
import tomllib

with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
extras = project["optional-dependencies"]
for requirement in [*project["dependencies"], *extras["examples"], *extras["test"]]:
    if re.fullmatch(r"[\w-]+>=[\d.]+", requirement):
        print(requirement.replace(">=", "=="))
