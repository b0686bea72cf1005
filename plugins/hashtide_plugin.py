"""What Airflow's own processes load of ours: one listener. It is found by this file's place, and imported by name."""

from airflow.plugins_manager import AirflowPlugin

from hashtide_airflow import listener


class HashtidePlugin(AirflowPlugin):
    """Notices when a person marks a supervision run failed."""

    name = "hashtide"
    listeners = [listener]  # noqa: RUF012 - Airflow reads it from the class
