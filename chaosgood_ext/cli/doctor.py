"""`chaos doctor`: what this machine lacks for the twin, or for an environment on AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from chaosgood_ext.twin.machine import Finding


@click.command()
@click.option("--aws", "for_aws", is_flag=True, help="Try what an environment on AWS needs instead.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(for_aws: bool, as_json: bool) -> None:
    """Try what the twin needs of this machine; exit with 1 when something is missing.

    Each line was tried for real, in a sandbox that lives for a moment. Programs that are missing are fetched
    into the cache folder. Nothing else on the machine is changed.
    """
    import json
    import sys
    from dataclasses import asdict

    from chaosgood_ext.cli.common import reported
    from chaosgood_ext.report.table import table
    from chaosgood_ext.twin import machine

    with reported():
        if for_aws:
            findings = _on_aws()
        else:
            facts = machine.examine(on_progress=lambda text: print(f"{text} …", file=sys.stderr))
            findings = machine.diagnose(facts)
        lacking = [finding for finding in findings if not finding.ok]
        if as_json:
            print(json.dumps({"ready": not lacking, "findings": [asdict(each) for each in findings]}, indent=2))
        else:
            words = {True: "ok", False: "LACKING", None: "not tried"}
            print(table(("needed", "", "found"), [(each.name, words[each.ok], each.detail) for each in findings]))
            remedies = dict.fromkeys(each.remedy for each in lacking if each.remedy)
            if remedies:
                print("\nTo mend that:\n" + "\n".join(f"  {remedy}" for remedy in remedies))
            if not lacking:
                print("\nAn environment on AWS can be built." if for_aws else "\nThis machine can run the twin.")
        if lacking:
            sys.exit(1)


def _on_aws() -> list[Finding]:
    from chaosgood_ext.environment import built
    from chaosgood_ext.environment.aws import account, needs

    return needs.examine(account.session(), built.topology())
