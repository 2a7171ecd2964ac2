def dependency_groups(model):
    raise NotImplementedError
