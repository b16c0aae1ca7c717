"""placeholder"""
def build_asset_checks():
    return []
