"""Run the rollout by a staged plan: its stages, the acts of staff, shell and guard on it, and how it stands."""

from notificacao.rollout.plan.acts import (
    ACTS,
    PERMISSION,
    Act,
    NotNow,
    Stale,
    SystemActor,
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
from notificacao.rollout.plan.editing import Draft, Stage, edit
from notificacao.rollout.plan.overview import GATE_STATES, gate_figures, overview
from notificacao.rollout.plan.stages import newest

__all__ = [
    "ACTS",
    "GATE_STATES",
    "PERMISSION",
    "Act",
    "Draft",
    "NotNow",
    "Stage",
    "Stale",
    "SystemActor",
    "advance",
    "await_approval",
    "edit",
    "gate_figures",
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
