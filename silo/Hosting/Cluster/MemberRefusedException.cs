namespace Granary.Silo.Hosting.Cluster;

/// <summary>This process cannot be a member of its cluster as it is. The message says what to do, for the operator.</summary>
public sealed class MemberRefusedException(string message) : Exception(message);
