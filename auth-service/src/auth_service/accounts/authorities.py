"""How an authority is written: as its number, or as its name. TheYelda's texts do both; requests may do either."""

from typing import Final

from lightbox_shared.auth.principal import Authority

UNKNOWN_AUTHORITY: Final = "Not one of 100 (none), 101 (admin), 102 (doctor), 103 (guest)."

_WRITTEN: Final = {
    **{str(int(authority)): authority for authority in Authority},
    **{authority.name.lower(): authority for authority in Authority},
}


def authority_of(value: object) -> Authority | None:
    """`102`, `"102"` or `"doctor"`; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return next((authority for authority in Authority if authority == value), None)
    return _WRITTEN.get(value) if isinstance(value, str) else None


def authority_name(code: int) -> str:
    """`doctor` for 102."""
    return Authority(code).name.lower()
