"""Guard `database-not-public`: the database has no address outside the VPC that it did not have."""

from __future__ import annotations

from chaosgood_ext.game.aws import answering
from chaosgood_ext.game.guards.guard import Finding, Guard, Scene


def look(scene: Scene, calm: bool | None) -> bool:
    """Look up whether the database is publicly accessible."""
    del calm
    with answering("Looking up whether the database is public"):
        (database,) = scene.aws.client("rds").describe_db_instances(
            DBInstanceIdentifier=scene.outputs.resources["db_instance_identifier"]
        )["DBInstances"]
    pending = database.get("PendingModifiedValues", {})
    return bool(database["PubliclyAccessible"] or pending.get("PubliclyAccessible"))


def compare(calm: bool, now: bool) -> Finding:
    """A database that is public now and was not is wrong."""
    return Finding(("the database was made publicly accessible",)) if now and not calm else Finding()


GUARD = Guard(
    "database-not-public",
    "the database is not publicly accessible",
    look,
    compare,
    lambda _: "as RDS describes the instance",
)
