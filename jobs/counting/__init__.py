"""The count stage: from raw records to the count log. This package goes to YARN in a zip."""
