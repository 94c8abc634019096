namespace Granary.Testing.Logs;

/// <summary>Announces events that the test is about: each has to come in the shared broker's log.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class LogsAttribute(params int[] events) : Attribute
{
    /// <summary>Their ids.</summary>
    public IReadOnlyList<int> Events => events;
}

/// <summary>Announces events that may come in the shared broker's log or not: not all rows of a theory, or tests of a class, cause them.</summary>
[AttributeUsage(AttributeTargets.Method | AttributeTargets.Class, AllowMultiple = true)]
public sealed class MayLogAttribute(params int[] events) : Attribute
{
    /// <summary>Their ids.</summary>
    public IReadOnlyList<int> Events => events;
}
