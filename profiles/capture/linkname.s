// A function without a body (readProfile) needs an assembly file in its package.
