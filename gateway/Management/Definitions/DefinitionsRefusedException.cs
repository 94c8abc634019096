namespace Granary.Gateway.Management.Definitions;

/// <summary>The process cannot be started, for the definitions that it was to import have something wrong. The message is for the operator.</summary>
public sealed class DefinitionsRefusedException(string message, Exception inner) : Exception(message, inner);
