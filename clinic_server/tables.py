"""Every table, in one import: for migrations and for tests."""

from sqlmodel import SQLModel

import clinic_server.alarms.models
import clinic_server.analysis.models
import clinic_server.consents.models
import clinic_server.consults.models
import clinic_server.desk.models
import clinic_server.devices.models
import clinic_server.diary.models
import clinic_server.erasure.models
import clinic_server.family.models
import clinic_server.notify.models
import clinic_server.patients.models
import clinic_server.plans.models
import clinic_server.recordings.models
import clinic_server.rehab.models
import clinic_server.reports.models
import clinic_server.staff.models  # noqa: F401 - imported for their tables

metadata = SQLModel.metadata
