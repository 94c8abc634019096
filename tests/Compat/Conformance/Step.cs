namespace Granary.Compat.Tests.Conformance;

/// <summary>One thing that a client does, or that has to come from the broker.</summary>
/// <param name="Text">In words, for who reads of a failure.</param>
internal sealed record Step(string Text, Func<StageChannel, Task> RunAsync);

/// <summary>What has to hold of a message.</summary>
internal sealed record Check(string Text, Action<StageEvent> Hold);

/// <summary>A queue or exchange of the case, where an argument or a header has its name.</summary>
internal sealed record Named(string Name);
