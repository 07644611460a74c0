"""What the guard makes of 1,000 rollouts of each kind: noticed, taken back, let pass."""

import os

import numpy as np


def _hours(moments: np.ndarray) -> str:
    found = moments[np.isfinite(moments)] / 3600
    return "{:.1f} h, {:.1f} h".format(*np.quantile(found, [0.5, 0.95])) if found.size else "–"


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "semtas.settings")
    import django

    django.setup()
    from notificacao.rollout.guard.verdict import Advance, Hold, RollBack, StepDown
    from tests.rollout.guard.simulated_rollouts import SCENARIOS, STAGES, Rollouts

    columns = ("Rollouts", "Noticed", "half, 95% after", "Taken back", "half, 95% after", "Left 5% alone", "Completed")
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for scenario in SCENARIOS.values():
        of = Rollouts(scenario).run()
        taken_back = of.first(RollBack, StepDown)
        noticed = np.minimum(taken_back, of.first(Hold, says="Meta"))
        print(
            f"| {scenario.name} | {np.isfinite(noticed).mean():.1%} | {_hours(noticed)} "
            f"| {np.isfinite(taken_back).mean():.1%} | {_hours(taken_back)} "
            f"| {of.share(Advance, stage=STAGES[0]):.1%} | {of.completed.mean():.1%} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
