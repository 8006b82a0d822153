"""Rules, schedules and clipping against torch's, step for step."""

import re
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from broken import broken_copy
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from transformer_path.networks import optimization
from transformer_path.networks.feedforward import MLP
from transformer_path.networks.optimization import (
    Descent,
    adam,
    clip_norm,
    cosine,
    momentum,
    muon,
    nesterov,
    one_cycle,
    orthogonalized,
    rmsprop,
    sgd,
    warmup,
)
from transformer_path.workshop.batches import minibatches
from transformer_path.workshop.datasets import Examples
from transformer_path.workshop.training import fit

EXACT = {"rtol": 1e-10, "atol": 1e-10}
QUICK = {
    "deadline": None,
    "max_examples": 30,
    "derandomize": True,
    "database": None,
    "phases": [Phase.generate],  # a broken copy need not be told at its smallest
    "report_multiple_bugs": False,
}
betas = st.sampled_from([0.0, 0.5, 0.9, 0.999])
decays = st.sampled_from([0.0, 0.01, 0.5])


def random(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def network(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return MLP([3, 7, 5], generator=generator).double()


# ---- rules against torch.optim, step for step ----------------------------------------


def torchs(name, lr, beta, beta2, decay):
    """Give torch's optimiser of that name, for parameters yet to come."""
    kinds = torch.optim
    return {
        "sgd": partial(kinds.SGD, lr=lr, weight_decay=decay),
        "momentum": partial(kinds.SGD, lr=lr, momentum=beta, weight_decay=decay),
        "nesterov": partial(
            kinds.SGD,
            lr=lr,
            momentum=beta or 0.3,  # torch has no Nesterov without momentum
            weight_decay=decay,
            nesterov=True,
        ),
        "rmsprop": partial(kinds.RMSprop, lr=lr, alpha=beta2, weight_decay=decay),
        "adam": partial(kinds.Adam, lr=lr, betas=(beta, beta2), weight_decay=decay),
        "adamw": partial(kinds.AdamW, lr=lr, betas=(beta, beta2), weight_decay=decay),
    }[name]


def ours(module, name, lr, beta, beta2, decay):
    """Give our optimiser of that name, for parameters yet to come."""
    rule = {
        "sgd": module.sgd,
        "momentum": partial(module.momentum, beta=beta),
        "nesterov": partial(module.nesterov, beta=beta or 0.3),
        "rmsprop": partial(module.rmsprop, beta=beta2),
        "adam": partial(module.adam, betas=(beta, beta2)),
        "adamw": partial(module.adam, betas=(beta, beta2)),
    }[name]
    place = "weight_decay" if name == "adamw" else "l2"
    return partial(module.Descent, rule=rule, lr=lr, **{place: decay})


def walk(make, steps, shape, seed):
    """Go down a curved landscape, and keep every place on the way."""
    w, v = random(*shape, seed=seed), random(shape[-1], seed=seed + 1)
    w, v = w.requires_grad_(), v.requires_grad_()
    optimizer, places = make([w, v]), []
    for step in range(steps):
        optimizer.zero_grad()
        target = random(*shape, seed=100 + step)  # another minibatch every time
        ((w * v - target).square().sum() + (w - v).pow(4).mean()).backward()
        torch.nn.utils.clip_grad_norm_([w, v], 10.0)
        optimizer.step()
        places += [w.detach().clone(), v.detach().clone()]
    return places


NAMES = ["sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw"]


def check_rules(module, names=NAMES):
    @settings(**QUICK)
    @given(
        lr=st.sampled_from([0.001, 0.01]),
        beta=betas,
        beta2=betas,
        decay=decays,
        shape=st.lists(st.integers(1, 5), min_size=1, max_size=3),
        steps=st.integers(1, 12),
        seed=st.integers(0, 50),
    )
    def compare(lr, beta, beta2, decay, shape, steps, seed):
        for name in names:
            told = (name, lr, beta, beta2, decay)
            found = walk(ours(module, *told), steps, shape, seed)
            expected = walk(torchs(*told), steps, shape, seed)
            torch.testing.assert_close(found, expected, **EXACT)

    compare()


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_equals_torch_step_for_step(name):
    check_rules(optimization, [name])


@pytest.mark.parametrize(
    ("rule", "theirs"),
    [
        (partial(sgd), torch.optim.SGD),
        (momentum, partial(torch.optim.SGD, momentum=0.9)),
        (nesterov, partial(torch.optim.SGD, momentum=0.9, nesterov=True)),
        (rmsprop, torch.optim.RMSprop),
        (adam, torch.optim.Adam),
    ],
)
def test_the_usual_settings_are_those_of_torch(rule, theirs):
    found = walk(partial(Descent, rule=rule, lr=0.01), 9, (3, 5), 0)
    expected = walk(partial(theirs, lr=0.01), 9, (3, 5), 0)
    torch.testing.assert_close(found, expected, **EXACT)


def test_groups_have_settings_of_their_own():
    def groups(w, v, decay):
        return [{"params": [w], "lr": 0.03, decay: 0.3}, {"params": [v]}]

    found = walk(lambda wv: Descent(groups(*wv, "l2"), adam, lr=0.01), 9, (3, 5), 0)
    expected = walk(
        lambda wv: torch.optim.Adam(groups(*wv, "weight_decay"), lr=0.01), 9, (3, 5), 0
    )
    torch.testing.assert_close(found, expected, **EXACT)


def test_outside_a_rule_decay_is_another_thing_than_inside():
    """For plain descent both are the same; torch's AdamW is not its Adam."""
    for rule, same in ((sgd, True), (momentum, False), (adam, False)):
        inside = walk(partial(Descent, rule=rule, lr=0.01, l2=0.5), 9, (3,), 0)
        make = partial(Descent, rule=rule, lr=0.01, weight_decay=0.5)
        outside = walk(make, 9, (3,), 0)
        close = torch.allclose(inside[-1], outside[-1], atol=1e-10, rtol=0)
        assert close == same


def test_a_parameter_without_a_gradient_stands_still():
    w, still = random(3).requires_grad_(), random(3, seed=1).requires_grad_()
    before = still.detach().clone()
    w.grad = torch.ones_like(w)
    Descent([w, still], momentum, lr=0.1, weight_decay=0.5).step()
    assert torch.equal(still, before)


def test_the_gradient_is_left_as_it_was():
    for rule in (sgd, momentum, nesterov, rmsprop, adam):
        w, g = random(3).requires_grad_(), random(3, seed=1)
        w.grad = g.clone()
        optimizer = Descent([w], rule, lr=0.1, l2=0.3, weight_decay=0.5)
        optimizer.step()
        optimizer.step()
        assert torch.equal(w.grad, g)


# ---- matrices: against torch's Muon, and what it is for -----------------------------


def walk_over_matrices(make, shape, steps=6, seed=0):
    """Go down a curved landscape of two matrices, and keep every place on the way."""
    weights = [random(*shape, seed=seed), random(*shape[::-1], seed=seed + 1)]
    weights = [w.requires_grad_() for w in weights]
    optimizer, places = make(weights), []
    for step in range(steps):
        optimizer.zero_grad()
        target = random(shape[0], shape[0], seed=100 + step)
        (weights[0] @ weights[1] - target).pow(4).mean().backward()
        optimizer.step()
        places += [w.detach().clone() for w in weights]
    return places


def exact_muon(**settings):
    """Give torch's Muon without its rounding: it computes in bfloat16 inside."""

    def make(weights):
        theirs = torch.optim.Muon(weights, **settings)
        inner = theirs.step

        def step():
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(torch.Tensor, "bfloat16", lambda x: x)
                inner()

        theirs.step = step
        return theirs

    return make


has_muon = pytest.mark.skipif(
    not hasattr(torch.optim, "Muon"), reason="torch has Muon since 2.9"
)


def check_muon(module, cases=((2, 3), (7, 5), (3, 3), (1, 4))):
    for shape in cases:
        for lr, beta, decay in ((0.02, 0.95, 0.0), (0.1, 0.5, 0.3)):
            rule = partial(module.muon, beta=beta)
            make = partial(module.Descent, rule=rule, lr=lr, weight_decay=decay)
            found = walk_over_matrices(make, shape)
            theirs = exact_muon(lr=lr, momentum=beta, weight_decay=decay)
            torch.testing.assert_close(
                found, walk_over_matrices(theirs, shape), **EXACT
            )


@has_muon
def test_muon_equals_torchs_step_for_step():
    check_muon(optimization)


@has_muon
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("beta: float = 0.95,\n    dtype", "beta: float = 0.9,\n    dtype"),
        (
            "direction = nesterov(g, memory, beta)",
            "direction = momentum(g, memory, beta)",
        ),
        ("g.shape[-2] / g.shape[-1])", "g.shape[-1] / g.shape[-2])"),
        ("sqrt(max(1, g.shape[-2]", "(max(1, g.shape[-2]"),
        ("-4.7750", "-4.7751"),
        ("steps: int = 5", "steps: int = 6"),
        ("square = x @ x.mT", "square = x.mT @ x"),
    ],
)
def test_a_broken_muon_is_noticed(right, wrong):
    with pytest.raises((AssertionError, RuntimeError)):
        check_usual_muon(broken_copy(optimization, right, wrong))


def check_usual_muon(module):
    make = partial(module.Descent, rule=module.muon, lr=0.02)
    theirs = exact_muon(lr=0.02, weight_decay=0.0)
    for shape in ((5, 7), (7, 2)):
        torch.testing.assert_close(
            walk_over_matrices(make, shape), walk_over_matrices(theirs, shape), **EXACT
        )


@has_muon
def test_the_usual_settings_are_those_of_torchs_muon():
    check_usual_muon(optimization)


@has_muon
def test_in_bfloat16_muon_goes_as_far_from_torchs_as_that_rounds():
    """Torch's rounds in another order; both come as close to the exact one."""
    g = random(16, 24).float()
    exact = muon(g, {})
    w = torch.zeros(16, 24, requires_grad=True)
    w.grad = g.clone()
    torch.optim.Muon([w], lr=1.0, weight_decay=0.0).step()
    rounded = muon(g, {}, dtype=torch.bfloat16)
    assert rounded.dtype == torch.float32
    assert 1e-4 < (rounded - exact).abs().max() < 0.03
    assert (-w.detach() - exact).abs().max() < 0.03


@settings(**QUICK)
@given(rows=st.integers(1, 9), columns=st.integers(1, 9), seed=st.integers(0, 50))
def test_orthogonalised_all_singular_values_lie_around_one(rows, columns, seed):
    u, _, v = torch.linalg.svd(random(rows, columns, seed=seed), full_matrices=False)
    values = torch.logspace(0, -1.5, min(rows, columns)).double()
    found = orthogonalized(u * values @ v)
    inside = u.mT @ found @ v.mT  # the same directions, so a diagonal remains
    assert (inside - inside.diagonal().diag()).abs().max() < 1e-9
    assert inside.diagonal().min() > 0.68
    assert inside.diagonal().max() < 1.21
    exact = u @ v
    assert (found - exact).norm() <= 0.33 * exact.norm()


def test_a_stack_of_matrices_is_as_one_after_the_other():
    g, memories, one = random(3, 5, 7), [{}, {}, {}], {}
    for _ in range(3):
        found = muon(g, one)
        each = [muon(g[n], memories[n]) for n in range(3)]
        torch.testing.assert_close(found, torch.stack(each), **EXACT)
        g = g + found


def test_muon_turns_with_rows_and_with_columns_and_does_not_see_the_scale():
    g = random(5, 7)
    left, right = (torch.linalg.qr(random(n, n, seed=n)).Q for n in (5, 7))
    found = muon(left @ (1000 * g) @ right, {})
    torch.testing.assert_close(found, left @ muon(g, {}) @ right, **EXACT)


def test_where_nothing_is_to_be_done_muon_does_nothing():
    assert not muon(torch.zeros(2, 3), {}).any()


def test_matrices_by_muon_and_the_rest_by_adam():
    model = network()
    matrices = [p for p in model.parameters() if p.dim() == 2]
    rest = [p for p in model.parameters() if p.dim() != 2]
    both = [Descent(matrices, muon, lr=0.05), Descent(rest, adam, lr=0.03)]
    batch = minibatches(Examples(random(13, 3), torch.arange(13) % 5), 13)
    losses = fit(model, batch, optimizer=both, steps=60, schedule=cosine)["train_loss"]
    assert losses[-1] < losses[0] - 0.5  # the last row is the mean of all steps


def test_muon_refuses_what_is_no_matrix():
    w = torch.zeros(7, requires_grad=True)
    w.grad = torch.ones(7)
    message = re.escape(
        "a parameter of shape (7,) is no matrix; give muon the matrices and adam the "
        "rest: fit(..., optimizer=[Descent(matrices, muon, lr=0.02), Descent(rest, "
        "adam, lr=0.003)])."
    )
    with pytest.raises(ValueError, match=f"^{message}$"):
        Descent([w], muon, lr=0.1).step()
    with pytest.raises(ValueError, match=r"^beta=1.0 is out of range"):
        Descent([w], partial(muon, beta=1.0), lr=0.1)


# ---- with the loop of the book -------------------------------------------------------


@pytest.mark.parametrize("schedule", [cosine, one_cycle, warmup])
def test_fit_walks_with_it_as_with_torchs(schedule):
    batch = minibatches(Examples(random(13, 3), torch.arange(13) % 5), 5)
    mine, theirs = network(), network()
    for model, optimizer in (
        (mine, Descent(mine.parameters(), adam, lr=0.03, weight_decay=0.1)),
        (theirs, torch.optim.AdamW(theirs.parameters(), lr=0.03, weight_decay=0.1)),
    ):
        fit(model, batch, optimizer=optimizer, steps=20, schedule=schedule, clip=0.5)
    for a, b, c in zip(
        *(m.parameters() for m in (mine, theirs, network())), strict=True
    ):
        torch.testing.assert_close(a, b, **EXACT)
        assert (a - c).abs().max() > 1e-3


def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(tmp_path):
    batch = minibatches(Examples(random(13, 3), torch.arange(13) % 5), 5)

    def run(path, stop=None, rule=adam):
        model = network()

        def evaluate(_):
            if path.exists() and stop is not None and len(seen) == stop:
                raise KeyboardInterrupt
            seen.append(1)
            return {}

        seen = []
        optimizer = Descent(model.parameters(), rule, lr=0.03)
        options = {"steps": 20, "every": 5, "checkpoint": path, "evaluate": evaluate}
        fit(model, batch, optimizer=optimizer, **options)
        return list(model.parameters())

    whole = run(tmp_path / "whole.pt")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts.pt", stop=3)
    for a, b in zip(run(tmp_path / "parts.pt"), whole, strict=True):
        assert torch.equal(a, b)
    with pytest.raises(ValueError, match=r"belongs to another run.*betas=\(0.5, 0.9"):
        run(tmp_path / "whole.pt", rule=partial(adam, betas=(0.5, 0.999)))


# ---- properties ----------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(scale=st.sampled_from([1e-3, 7.0, 1e4]), seed=st.integers(0, 9))
def test_adam_and_rmsprop_do_not_see_the_scale_of_a_coordinate(scale, seed):
    for rule in (rmsprop, adam):
        one, other = {}, {}
        for step in range(5):
            g = random(7, seed=seed + step) + 2
            stretched = torch.where(torch.arange(7) == 3, scale * g, g)
            a = rule(g, one, eps=1e-30)
            b = rule(stretched, other, eps=1e-30)
            torch.testing.assert_close(a, b, **EXACT)


def test_momentum_turns_with_the_coordinates_and_adam_does_not():
    turn = torch.linalg.qr(random(5, 5)).Q
    for rule, turns in (
        (sgd, True),
        (momentum, True),
        (nesterov, True),
        (rmsprop, False),
        (adam, False),
    ):
        one, other = {}, {}
        for step in range(4):
            g = random(5, seed=step)
            straight, turned = rule(g, one), rule(turn @ g, other)
        assert torch.allclose(turn @ straight, turned, atol=1e-9) == turns


@settings(deadline=None, max_examples=8)
@given(kappa=st.sampled_from([1.5, 10.0, 300.0]), seed=st.integers(0, 9))
def test_on_a_quadratic_each_rule_shrinks_as_the_theory_says(kappa, seed):
    """Per step, in the long run, at the rates and betas that are best."""
    curvatures, root = torch.tensor([1.0, kappa]).double(), kappa**0.5
    contraction, share = (root - 1) / (root + 1), 1 - 1 / root
    heavy = partial(momentum, beta=contraction**2)
    for rule, lr, expected in (
        (sgd, 2 / (kappa + 1), (kappa - 1) / (kappa + 1)),
        (heavy, 4 / (root + 1) ** 2, contraction),
        (partial(nesterov, beta=contraction), 1 / kappa, share),
    ):
        x, memory, sizes = random(2, seed=seed) + 3, {}, []
        steps = round(min(400 * root, 200 / -torch.tensor(expected).log().item()))
        for _ in range(steps):
            x = x - lr * rule(curvatures * x, memory)
            sizes.append(x.norm().log().item())
        half = steps // 2
        slope = (max(sizes[-9:]) - max(sizes[half - 9 : half])) / (steps - half)
        assert abs(slope - torch.tensor(expected).log().item()) < 0.1 * abs(slope)


# ---- schedules against torch's -------------------------------------------------------


def torch_factors(make, steps):
    """Let one of torch's schedulers set the rate of every step, and one more."""
    sgd = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler, factors = make(sgd), []
    for _ in range(steps + 1):
        factors.append(sgd.param_groups[0]["lr"])
        sgd.step()
        if len(factors) <= steps:
            scheduler.step()
    return factors


def check_schedules(module):
    @settings(**QUICK)
    @given(
        steps=st.integers(2, 50),
        part=st.integers(1, 49),
        low=st.sampled_from([0.01, 0.2, 1 / 3]),
    )
    def compare(steps, part, low):
        part = min(part, steps - 1)
        share = part / steps
        linear = partial(
            lr_scheduler.LinearLR, start_factor=low, end_factor=1.0, total_iters=part
        )
        falling = partial(lr_scheduler.CosineAnnealingLR, T_max=steps)

        def both(sgd):  # they multiply
            return lr_scheduler.ChainedScheduler([linear(sgd), falling(sgd)], sgd)

        cycle = partial(
            lr_scheduler.OneCycleLR,
            max_lr=1.0,
            total_steps=steps + 1,  # the last of them is the one after our run
            pct_start=(part + 1) / (steps + 1),
            div_factor=1 / low,
            final_div_factor=50,
            cycle_momentum=False,
        )
        for ours, theirs in [
            (lambda done: module.warmup(done, share, low), linear),
            (module.cosine, falling),
            (lambda done: module.cosine(done, low), partial(falling, eta_min=low)),
            (lambda d: module.warmup(d, share, low) * module.cosine(d), both),
            (lambda done: module.one_cycle(done, share, low, low / 50), cycle),
        ]:
            found = torch.tensor([ours(k / steps) for k in range(steps + 1)])
            expected = torch.tensor(torch_factors(theirs, steps))
            torch.testing.assert_close(found.double(), expected.double(), **EXACT)

    compare()


def test_schedules_equal_torchs():
    check_schedules(optimization)


def test_the_usual_one_cycle_is_torchs():
    make = partial(
        lr_scheduler.OneCycleLR, max_lr=1.0, total_steps=1001, pct_start=301 / 1001
    )
    expected = torch.tensor(torch_factors(make, 1000))
    found = torch.tensor([one_cycle(k / 1000) for k in range(1001)])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-7)


# ---- clipping against torch's --------------------------------------------------------


def check_clipping(module):
    @settings(**QUICK)
    @given(
        shapes=st.lists(st.integers(1, 7), min_size=1, max_size=4),
        limit=st.sampled_from([0.1, 1.0, 5.0, float("inf")]),
        scale=st.sampled_from([1e-3, 1.0, 100.0]),
        seed=st.integers(0, 50),
    )
    def compare(shapes, limit, scale, seed):
        mine, theirs = (
            [torch.zeros(n, 2).double().requires_grad_() for n in [*shapes, 3]]
            for _ in range(2)
        )
        for each in (mine, theirs):  # the last one has no gradient
            for number, p in enumerate(each[:-1]):
                p.grad = scale * random(*p.shape, seed=seed + number)
        found = module.clip_norm(iter(mine), limit)
        expected = torch.nn.utils.clip_grad_norm_(theirs, limit)
        torch.testing.assert_close(found, expected, **EXACT)
        for a, b in zip(mine[:-1], theirs[:-1], strict=True):
            torch.testing.assert_close(a.grad, b.grad, **EXACT)

    compare()


def test_clipping_equals_torchs():
    check_clipping(optimization)


# ---- errors that teach ---------------------------------------------------------------


@pytest.mark.parametrize("lr", [-0.1, 0.0, float("nan"), float("inf")])
def test_the_learning_rate_must_lead_downhill(lr):
    message = re.escape(
        f"lr={lr} does not go downhill; the learning rate must be a positive number, "
        "for example 0.001."
    )
    w = torch.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match=f"^{message}$"):
        Descent([w], adam, lr=lr)
    with pytest.raises(ValueError, match=f"^{message}$"):
        Descent([{"params": [w], "lr": lr}], adam, lr=0.1)


@pytest.mark.parametrize("beta", [-0.1, 1.0, 1.5, float("nan")])
@pytest.mark.parametrize(
    "rule",
    [
        lambda beta: partial(momentum, beta=beta),
        lambda beta: partial(nesterov, beta=beta),
        lambda beta: partial(rmsprop, beta=beta),
        lambda beta: partial(adam, betas=(0.9, beta)),
        lambda beta: partial(adam, betas=(beta, 0.9)),
    ],
)
def test_betas_are_shares_and_are_checked_before_the_first_step(rule, beta):
    message = (
        rf"^betas?={beta} is out of range; it must be in \[0, 1\): the share that is "
        r"kept of the past, for example 0.9\.$"
    )
    with pytest.raises(ValueError, match=message):
        Descent([torch.ones(2, requires_grad=True)], rule(beta), lr=0.1)


@pytest.mark.parametrize("eps", [0.0, -1e-8, float("nan"), float("inf")])
@pytest.mark.parametrize("rule", [rmsprop, adam])
def test_eps_keeps_from_dividing_by_zero(rule, eps):
    with pytest.raises(ValueError, match=rf"^eps={eps} is out of range; it must be ab"):
        rule(torch.zeros(2), {}, eps=eps)


@pytest.mark.parametrize("name", ["l2", "weight_decay"])
@pytest.mark.parametrize("decay", [-0.1, float("nan"), float("inf")])
def test_decay_is_not_negative(name, decay):
    message = rf"^{name}={decay} is out of range; it must be 0 or more\.$"
    with pytest.raises(ValueError, match=message):
        Descent([torch.ones(2, requires_grad=True)], sgd, lr=0.1, **{name: decay})


@pytest.mark.parametrize("done", [-0.01, 1.01, 500, float("nan")])
@pytest.mark.parametrize("schedule", [warmup, cosine, one_cycle])
def test_a_schedule_takes_the_share_that_is_done(schedule, done):
    message = re.escape(
        f"done={done} is out of range; it must be a share of the run, from 0 to 1; "
        "divide the step by the number of steps."
    )
    with pytest.raises(ValueError, match=f"^{message}$"):
        schedule(done)


@pytest.mark.parametrize(
    ("schedule", "name", "value"),
    [
        (warmup, "share", 0),
        (warmup, "share", 1.1),
        (warmup, "start", -0.1),
        (warmup, "start", 2),
        (cosine, "end", -0.1),
        (cosine, "end", 2),
        (one_cycle, "peak", 0),
        (one_cycle, "peak", 1),
        (one_cycle, "start", 25),
        (one_cycle, "end", 1e4),
    ],
)
def test_settings_of_a_schedule_have_a_range(schedule, name, value):
    with pytest.raises(ValueError, match=rf"^{name}={value} is out of range; it must"):
        [schedule(k / 10, **{name: value}) for k in range(11)]


def test_clipping_needs_a_limit_and_a_gradient():
    w = torch.ones(2, requires_grad=True)
    for limit in (0, -1.0, float("nan")):
        with pytest.raises(ValueError, match=rf"^limit={limit} is out of range; it mu"):
            clip_norm([w], limit)
    with pytest.raises(ValueError, match=r"^no parameter has a gradient; call loss.ba"):
        clip_norm([w], 1.0)


# ---- broken copies, each caught ------------------------------------------------------

BUGS = {
    "momentum as an average": (
        'beta * memory.get("v", 0.0) + g',
        'beta * memory.get("v", 0.0) + (1 - beta) * g',
        check_rules,
    ),
    "nesterov is momentum": (
        "return g + beta * momentum(g, memory, beta)",
        "return momentum(g, memory, beta)",
        check_rules,
    ),
    "the mean of squares forgets the past": (
        'memory["s"] = beta * memory.get("s", 0.0) + (1 - beta) * g * g',
        'memory["s"] = g * g',
        check_rules,
    ),
    "no bias correction of the mean": (
        "m / (1 - b1**t) / usual",
        "m / usual",
        check_rules,
    ),
    "no bias correction of the squares": (
        "(s / (1 - b2**t)).sqrt()",
        "s.sqrt()",
        check_rules,
    ),
    "the bias correction lags a step": (
        'memory.get("t", 0) + 1',
        'memory.get("t", 1) + 1',
        check_rules,
    ),
    "eps inside the root": (
        "(s / (1 - b2**t)).sqrt() + eps",
        "(s / (1 - b2**t) + eps).sqrt()",
        check_rules,
    ),
    "swapped betas": ("(b1, b2), t = betas,", "(b2, b1), t = betas,", check_rules),
    "decay inside, where it should be outside": (
        "self.rule(p.grad + l2 * p, self.state[p])",
        "self.rule(p.grad + (l2 + decay) * p, self.state[p]) - decay * p",
        check_rules,
    ),
    "decay outside, not scaled by the rate": (
        "lr * (direction + decay * p)",
        "lr * direction + decay * p",
        check_rules,
    ),
    "all parameters share a memory": (
        "self.state[p])",
        'self.state[group["params"][0]])',
        check_rules,
    ),
    "the warm-up never ends": (
        "min(1.0, done / share)",
        "done / share",
        check_schedules,
    ),
    "half a wave too many": ("cos(pi * done)", "cos(2 * pi * done)", check_schedules),
    "one cycle starts from nothing": (
        "cosine(1 - done / peak, start)",
        "cosine(1 - done / peak)",
        check_schedules,
    ),
    "the norm of each parameter alone": (
        "(limit / (length + 1e-6))",
        "(limit / (g.norm() + 1e-6))",
        check_clipping,
    ),
    "short gradients are lengthened": (".clamp(max=1)", "", check_clipping),
}


@pytest.mark.parametrize("bug", BUGS)
def test_each_bug_is_caught(bug):
    right, wrong, check = BUGS[bug]
    with pytest.raises((AssertionError, RuntimeError)):
        check(broken_copy(optimization, right, wrong))


def test_descent_learns_to_classify():
    model, labels = network(), torch.arange(13) % 5
    optimizer = Descent(model.parameters(), adam, lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(random(13, 3)), labels)
        loss.backward()
        clip_norm(model.parameters(), 1.0)
        optimizer.step()
    assert loss < 0.1
