"""The run configuration: one typed model, the only source of keys, defaults, ranges and their meaning.

A run is described by one YAML file (or the dictionary Snakemake made of it). :func:`load` checks it as a
whole and refuses it with one line per problem: the key's path, what was found, what is allowed. The JSON
schema in ``workflow/schemas`` is generated from these models (``python -m tglassmlp.config``).

However a run is started or asked about, :func:`load_run` reads its configuration.

==================  ====================================================================================
``sections``        keys of each section, with defaults, ranges and meaning
``run``             :class:`Config`, all sections together, and what follows from them
``checks``          what contradicts between keys
``reading``         YAML
``layers``          several sources laid over each other
``loading``         :func:`load` and :func:`load_run`, the one way in
``problems``        :class:`ConfigError`, and how it is said
``schema``          the JSON schema
==================  ====================================================================================
"""

from tglassmlp.config.loading import load, load_run
from tglassmlp.config.problems import ConfigError
from tglassmlp.config.reading import read_yaml
from tglassmlp.config.run import Config
from tglassmlp.config.schema import schema, schema_text
from tglassmlp.config.sections.equilibration import (
    EquilibrationChecks,
    EquilibrationSettings,
    ExtendedCheckSettings,
)
from tglassmlp.config.sections.labels import DescriptorSettings, LabelSettings, PropensitySettings
from tglassmlp.config.sections.network import (
    STATE_FEATURES,
    BaselineSettings,
    NetworkSettings,
    PhaseSettings,
    StatePoint,
    StudySettings,
    TrainingSettings,
)
from tglassmlp.config.sections.pictures import FigureSettings, MovieSettings, ObservableSettings
from tglassmlp.config.sections.simulation import (
    DynamicsSettings,
    LargeDynamicsSettings,
    LargeSystemSettings,
)
from tglassmlp.config.sections.system import (
    GlassBenchSettings,
    MixtureSettings,
    StructureSettings,
    SystemSettings,
    TemperatureSettings,
)
from tglassmlp.network.settings import PredictionSettings
from tglassmlp.settings import check, fingerprint, plain, refuse_truth_values
from tglassmlp.simulation.minimisation_settings import MinimisationSettings

__all__ = [
    "STATE_FEATURES",
    "BaselineSettings",
    "Config",
    "ConfigError",
    "DescriptorSettings",
    "DynamicsSettings",
    "EquilibrationChecks",
    "EquilibrationSettings",
    "ExtendedCheckSettings",
    "FigureSettings",
    "GlassBenchSettings",
    "LabelSettings",
    "LargeDynamicsSettings",
    "LargeSystemSettings",
    "MinimisationSettings",
    "MixtureSettings",
    "MovieSettings",
    "NetworkSettings",
    "ObservableSettings",
    "PhaseSettings",
    "PredictionSettings",
    "PropensitySettings",
    "StatePoint",
    "StructureSettings",
    "StudySettings",
    "SystemSettings",
    "TemperatureSettings",
    "TrainingSettings",
    "check",
    "fingerprint",
    "load",
    "load_run",
    "plain",
    "read_yaml",
    "refuse_truth_values",
    "schema",
    "schema_text",
]
