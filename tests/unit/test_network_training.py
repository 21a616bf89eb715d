"""Training: it learns, it is what it says, it resumes exactly."""

import re
from dataclasses import replace

import jax
import numpy as np
import pytest
from flax import nnx
from network_case import BOX, M, data, state_point

from tglassmlp.network import dataset, optimise
from tglassmlp.network.architecture import Architecture
from tglassmlp.network.data_stream import prepare
from tglassmlp.network.dataset import TrainingSet
from tglassmlp.network.flax_modules import TGlassMLP
from tglassmlp.network.layout import Layout
from tglassmlp.network.networks import Networks
from tglassmlp.network.settings import Execution, TrainingSettings
from tglassmlp.network.training_device import TRAINING_VARIABLE, use_training_device

SHORT = TrainingSettings(phase1=((4, 5e-3),), phase2=((3, 1e-3),))


def seeds(n):
    return [np.random.SeedSequence(k) for k in range(n)]


def run(training=None, networks=2, settings=SHORT, validation=None, blind=0, **more):
    chosen = seeds(networks) if "seeds" not in more else more.pop("seeds")
    return optimise.train(
        data() if training is None else training, validation, state_point(), chosen,
        np.random.SeedSequence(99), settings=settings, execution=Execution(**more), blind=blind,
    )  # fmt: skip


def test_the_device_of_trainings_is_asked_for_by_name(monkeypatch):
    before = jax.config.jax_default_device
    try:
        monkeypatch.setenv(TRAINING_VARIABLE, "cpu")
        use_training_device()
        assert jax.config.jax_default_device == jax.devices("cpu")[0]
        monkeypatch.setenv(TRAINING_VARIABLE, "tpu")
        with pytest.raises(ValueError, match=r"TGLASSMLP_TRAINING_DEVICE: found 'tpu', allowed: cpu, gpu"):
            use_training_device()
        if jax.default_backend() == "cpu":
            monkeypatch.setenv(TRAINING_VARIABLE, "gpu")
            with pytest.raises(
                RuntimeError, match=r"DEVICE=gpu, but JAX has no .*pip install 'jax\[cuda12\]=="
            ):
                run()
    finally:
        jax.config.update("jax_default_device", before)


def test_twenty_particles_are_learnt_by_heart():
    r = np.random.default_rng(0)
    one = TrainingSet(
        r.normal(size=(1, 20, M)).astype(np.float32), r.random((1, 20, 2)) * BOX, BOX,
        np.zeros(1, np.int32), np.array([0.4]), np.array([0.5]), r.random((1, 20)).astype(np.float32),
    )  # fmt: skip
    found = run(one, networks=2, settings=TrainingSettings(phase1=((800, 1e-2),), phase2=()))
    last = found.history[found.history["epoch"] == 800]
    assert (last["pearson"] > 0.99).all()


def test_compiled_and_interpreted_gradients_agree():
    # guards against compilers that get this program wrong (jax 0.10.2 on some processors)
    given, settings = data(structures=1, c_b=(0.5,)), TrainingSettings()
    small = Architecture(mlp1=(3, 2), mlp2=(2,), head=(4,))
    models = [TGlassMLP(M, small, np.random.default_rng(k)) for k in range(2)]
    network = Layout.of(models[0])
    parameters = network.unravel(jax.numpy.stack([network.ravel(m) for m in models]))
    prepared = prepare(given, state_point(), small, settings, with_kernels=True)

    def gradient(p):
        total = jax.grad(optimise.ensemble_loss, argnums=1, has_aux=True)
        return total(network, p, prepared, 1, 2, (0.5, 1.0))[0]

    compiled = jax.tree.leaves(jax.jit(gradient)(parameters))
    with jax.disable_jit():
        plain = jax.tree.leaves(gradient(parameters))
    for a, b in zip(compiled, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-5 * max(1.0, float(np.abs(b).max())))


def test_a_network_of_an_ensemble_is_the_network_trained_alone():
    # equal up to rounding: float32 products are summed in another order. The second rate is small because
    # the first steps of Adam are as long as the rate, whatever the size of the gradient.
    slow = TrainingSettings(phase1=SHORT.phase1, phase2=((3, 1e-5),))
    together, alone = run(settings=slow), run(settings=slow, seeds=seeds(2)[1:])
    mine = together.history[together.history["network"] == 1]
    for column in ("loss", "pearson"):
        np.testing.assert_allclose(mine[column], alone.history[column], rtol=5e-3, atol=1e-3)
    one, other = together.parameters["bottleneck/matrix"]
    np.testing.assert_allclose(other, alone.parameters["bottleneck/matrix"][0], atol=5e-3)
    assert np.abs(one - other).max() > 0.1  # they are different networks


def test_training_again_gives_the_same_numbers():
    a, b = run(), run()
    assert all(np.array_equal(a.parameters[n], b.parameters[n]) for n in a.parameters)


def test_resumed_training_is_bit_identical(tmp_path):
    file = tmp_path / "state.npz"
    watched = data(structures=1, seed=8)
    whole = run(validation=watched)
    assert run(validation=watched, checkpoint=file, epochs_per_call=3) is None
    assert run(validation=watched, checkpoint=file, epochs_per_call=2) is None  # across the change of loss
    rest = run(validation=watched, checkpoint=file)
    for name, value in whole.parameters.items():
        assert np.array_equal(value, rest.parameters[name]), name
    assert whole.history.equals(rest.history)


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    file = tmp_path / "state.npz"
    assert run(checkpoint=file, epochs_per_call=1) is None
    with pytest.raises(ValueError, match="other settings"):
        run(checkpoint=file, settings=TrainingSettings(phase1=((5, 5e-3),), phase2=((3, 1e-3),)))
    with pytest.raises(ValueError, match="other settings"):
        run(data(seed=1), checkpoint=file)
    assert file.exists()


def on_disk(given, folder):
    """The same data with descriptors in files."""
    arrays = []
    for some in np.array_split(given.descriptors, 2):
        arrays.append(dataset.on_disk(some.shape, np.float32, folder))
        arrays[-1][:] = some
    where = np.array([[a, r] for a, x in enumerate(arrays) for r in range(len(x))])
    return replace(given, descriptors=dataset.Rows(arrays, where))


@pytest.mark.parametrize(("memory", "files"), [(0.0, True), (60e3, True), (60e3, False)])
def test_data_streamed_from_disk_train_the_same_networks(memory, files, tmp_path, capsys):
    given, watched = data(), data(structures=2, seed=8)
    whole = run(given, validation=watched)
    capsys.readouterr()
    if files:
        given, watched = on_disk(given, tmp_path), on_disk(watched, tmp_path)
    file = tmp_path / "not yet made" / "state.npz"
    assert run(given, validation=watched, checkpoint=file, memory=memory, epochs_per_call=6) is None
    streamed = run(given, validation=watched, checkpoint=file, memory=memory)  # across a restart
    blocks = re.search(r"in blocks of (\d+)", capsys.readouterr().out)
    assert blocks
    assert 1 <= int(blocks[1]) < given.batches
    for name, value in whole.parameters.items():
        np.testing.assert_allclose(value, streamed.parameters[name], rtol=1e-5, atol=1e-6)
    columns = ["loss", "pearson", "validation_loss", "validation_pearson"]
    np.testing.assert_allclose(whole.history[columns], streamed.history[columns], rtol=1e-4, atol=1e-5)


def test_history_and_choice_of_the_epoch():
    noisy = TrainingSettings(phase1=((3, 5e-3),), phase2=((6, 5e-2),), select_epoch="validation")
    watched = data(structures=1, seed=8)
    found = run(settings=noisy, validation=watched)
    table = found.history
    assert len(table) == 9 * 2
    assert table.groupby("epoch")["phase"].first().tolist() == [1] * 3 + [2] * 6
    late = table[table["phase"] == 2]
    best = late.groupby("network")["validation_pearson"].max()
    # the stored network is the one that had this score
    record = {
        "kind": "tglassmlp", "architecture": Architecture().as_record(),
        "state_point": state_point().as_record(), "descriptors": {"central_species": 1},
        "scaling": {"names": [f"d/{k}/L0" for k in range(M)], "dropped": [], "mean": [0.0] * M,
                    "std": [1.0] * M, "temperatures": [], "n_structures": 0},
    }  # fmt: skip
    networks, scores = Networks(found.parameters, record), np.zeros(2)
    for b in range(watched.batches):
        x = watched.descriptors[watched.structure[b]][None]
        y = networks.predict_scaled(x, watched.temperature[b], watched.c_b[b], checked=False)[:, 0]
        scores += [np.corrcoef(row, watched.labels[b])[0, 1] / watched.batches for row in y]
    np.testing.assert_allclose(scores, best, atol=1e-4)


def test_nothing_to_train_and_runaway_losses_are_errors():
    with pytest.raises(ValueError, match="at least 1"):
        run(networks=0)
    with pytest.raises(ValueError, match="no longer finite"):
        run(settings=TrainingSettings(phase1=((50, 1e20),), phase2=()))
    with pytest.raises(ValueError, match="rates"):
        TrainingSettings(phase1=((3, -1.0),))
    with pytest.raises(ValueError, match="select_epoch"):
        TrainingSettings(select_epoch="best")


def test_one_network_that_runs_away_is_named(monkeypatch):
    true_epoch = optimise.run_epoch

    def spoilt(*given):
        parameters, optimizer, sums = true_epoch(*given)
        return parameters, optimizer, sums.at[0, 1].set(np.nan)

    monkeypatch.setattr(optimise, "run_epoch", spoilt)
    with pytest.raises(ValueError, match=r"no longer finite .* for networks \[1\]"):
        run(settings=TrainingSettings(phase1=((1, 1e-3),), phase2=()))


def test_rates_fall_to_zero_and_short_trainings_are_prolonged():
    plain = TrainingSettings(phase1=((2, 1e-2), (3, 1e-3)), phase2=((1, 1e-4),))
    assert plain.schedule(7) == [(1, 1e-2)] * 2 + [(1, 1e-3)] * 3 + [(2, 1e-4)]
    longer = TrainingSettings(phase1=((2, 1e-2), (3, 1e-3)), phase2=((1, 1e-4),), minimum_steps=71)
    assert longer.schedule(7) == [(1, 1e-2)] * 6 + [(1, 1e-3)] * 9 + [(2, 1e-4)] * 3  # 70 steps are too few
    falling = TrainingSettings(phase1=((40, 1.0),), phase2=(), rate_decay="cosine").schedule(1)
    rates = np.array([rate for _, rate in falling])
    assert rates.argmax() == 2  # a short rise, over a twentieth of the epochs
    assert (np.diff(rates[2:]) < 0).all()
    assert rates[-1] < 1e-3
    np.testing.assert_allclose(rates[2:20] + rates[20:38][::-1], 1.0, rtol=1e-6)  # half a cosine


def test_weight_decay_takes_its_share_off_matrices_only():
    one = ((1, 1e-3),)
    none, some = (
        run(settings=TrainingSettings(phase1=one, phase2=(), weight_decay=w), training=first_batch())
        for w in (0.0, 5.0)
    )
    start = Layout.of(TGlassMLP(M, Architecture(), np.random.default_rng(0)))
    models = [TGlassMLP(M, Architecture(), np.random.default_rng(s)) for s in seeds(2)]
    begun = start.named(np.stack([start.ravel(m) for m in models]))
    for name, value in none.parameters.items():
        lost = value - some.parameters[name]
        expected = 0.0 if "bias" in name else 5e-3 * begun[name]
        np.testing.assert_allclose(lost, expected, atol=1e-6)


def first_batch():
    """One batch: a training of one step."""
    return data(structures=1, c_b=(0.5,), temperatures=(0.4,))


def test_squared_error_over_the_variance_of_the_state_point():
    given = data(structures=2)
    plain, scaled = (
        prepare(given, state_point(), Architecture(), TrainingSettings(error_scale=s), False)
        for s in ("none", "variance")
    )
    assert (np.asarray(plain.scale)[: given.batches] == 1).all()
    for b in range(given.batches):
        same = [(given.temperature == t) & (given.c_b == given.c_b[b]) for t in set(given.temperature)]
        assert [s.sum() for s in same] == [2, 2]
        largest = max(given.labels[s].var() for s in same)
        np.testing.assert_allclose(scaled.scale[b], 1 / largest, rtol=1e-4)


def test_blind_networks_do_not_see_the_temperature_and_others_are_as_without_them():
    given = data()
    seen, half = run(given), run(given, blind=1)
    for name, value in seen.parameters.items():
        np.testing.assert_allclose(value[0], half.parameters[name][0], rtol=1e-5, atol=1e-6)
    graph, state = nnx.split(TGlassMLP(M, Architecture(), np.random.default_rng(0)))
    leaves = [half.parameters[jax.tree_util.keystr(path, simple=True, separator="/").removesuffix("/value")]
              for path, _ in jax.tree_util.tree_flatten_with_path(state)[0]]  # fmt: skip
    x, point = given.descriptors[0].T, state_point()
    for k, blind in ((0, False), (1, True)):
        network = nnx.merge(graph, jax.tree.unflatten(jax.tree.structure(state), [v[k] for v in leaves]))
        warm, cold = (np.asarray(network(x, point(t, 0.5))) for t in (0.5, 0.3))
        assert np.array_equal(warm, cold) == blind
        assert not np.array_equal(warm, np.asarray(network(x, point(0.5, 0.9))))


def test_a_disk_without_room_is_told_at_once(tmp_path):
    with pytest.raises(OSError, match=r"space|large"):
        dataset.on_disk((1 << 58,), np.float32, tmp_path)
    assert not list(tmp_path.iterdir())
