"""The gate before moto: IAM policies, evaluated for every call of the player's and the injector's role."""

from chaosgood_ext.twin.cloud.gate.gate import Gate

__all__ = ["Gate"]
