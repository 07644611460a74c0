"""The staged plan of the rollout: what staff, the shell and the guard may do with it, and how it stands."""

from notificacao.rollout_plan.acts import (
    ACTS,
    PERMISSION,
    Act,
    Hand,
    NotNow,
    Stale,
    advance,
    await_approval,
    kill,
    pause,
    put_flag_on_record,
    resume,
    roll_back,
    start,
    step_down,
    switch_off,
)
from notificacao.rollout_plan.editing import Draft, Stage, edit
from notificacao.rollout_plan.overview import GATE_STATES, overview
from notificacao.rollout_plan.stages import TEMPLATE, newest

__all__ = [
    "ACTS",
    "GATE_STATES",
    "PERMISSION",
    "TEMPLATE",
    "Act",
    "Draft",
    "Hand",
    "NotNow",
    "Stage",
    "Stale",
    "advance",
    "await_approval",
    "edit",
    "kill",
    "newest",
    "overview",
    "pause",
    "put_flag_on_record",
    "resume",
    "roll_back",
    "start",
    "step_down",
    "switch_off",
]
