"""The count stage: from raw records to the count log. This package goes to YARN as a zip."""

VERSION = "0.1.0"
