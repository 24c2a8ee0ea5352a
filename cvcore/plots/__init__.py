"""Results to plotly figures; no Streamlit here."""
