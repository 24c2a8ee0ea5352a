"""The only code in cvcore that imports streamlit."""
