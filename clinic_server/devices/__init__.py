"""The loaned units: issue, enrolment of the phone, return."""
