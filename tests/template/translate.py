"""Translates SAM templates as CloudFormation's transform does; runs under SAM's own environment.

Reads a JSON list of {"region", "parameters", "template"}, writes the list of translated templates.
"""

import json
import os
import sys
from types import SimpleNamespace


def main() -> None:
    translated = []
    # The names of AWS's own policies, of which the templates use none.
    no_managed_policies = SimpleNamespace(load=dict)
    for job in json.load(sys.stdin):
        os.environ["AWS_DEFAULT_REGION"] = job["region"]
        # After the region is known: the package keeps the first one that it sees.
        for name in [name for name in sys.modules if name.startswith("samtranslator")]:
            del sys.modules[name]
        from samtranslator.translator.transform import transform

        translated.append(transform(job["template"], job["parameters"], no_managed_policies))
    json.dump(translated, sys.stdout)


if __name__ == "__main__":
    main()
