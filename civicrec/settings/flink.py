"""The Flink cluster, where it runs the stream."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from civicrec.settings.fields import Address, Group


class FlinkSettings(Group):
    """The Flink cluster and Beam's peers beside it, for ``stream.runner = flink``; see docs/flink.md."""

    rest: Address = "127.0.0.1:8081"
    """JobManager's REST interface."""
    job_endpoint: Address = "127.0.0.1:8099"
    """Beam's job server, which turns the graph into a Flink job."""
    artifact_endpoint: Address = "127.0.0.1:8098"
    """The job server's artifact port."""
    expansion_service: Address = "127.0.0.1:8097"
    """Beam's expansion service, which knows the Java source of Kafka."""
    worker_pool: Address = "127.0.0.1:50000"
    """Pool of Python workers, as the TaskManagers reach it."""
    parallelism: int = Field(default=1, ge=1, le=1_000)
    """Parts the job works in; more than the topic has partitions are idle."""
    checkpoint_folder: Path | None = None
    """The cluster's ``state.checkpoints.dir``, used by this job alone and readable here; needed with Flink."""
    checkpoint_interval_ms: int = Field(default=2_000, ge=100, le=3_600_000)
    """Time between checkpoints, milliseconds; after a crash as much is read again."""
    job_name: str = Field(default="civicrec-stream", pattern=r"^[a-z][a-z0-9-]{0,62}$")
    """Name of the job; two installations on one cluster need two."""
    bundle_records: int = Field(default=1_000, ge=1, le=100_000)
    """Most records written to the stores at once; a record holds about ten events."""
    bundle_ms: int = Field(default=250, ge=1, le=60_000)
    """Linger: longest time records wait for others before they are written, milliseconds."""
