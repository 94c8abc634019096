namespace Granary.Core.Policies;

/// <summary>One policy or parameter, the other null: that it is there, or is not (any more).</summary>
[GenerateSerializer, Immutable, Alias("granary.PolicyEntry")]
public sealed record PolicyEntry
{
    [Id(0)]
    public bool IsRemoved { get; init; }

    [Id(1)]
    public Policy? Policy { get; init; }

    [Id(2)]
    public Parameter? Parameter { get; init; }
}

/// <summary>All policies and parameters, as processes hold them.</summary>
/// <param name="Epoch">Which run of the grain numbers the changes; numbers of different runs have nothing to do with each other.</param>
/// <param name="Number">Changes from <c>Number + 1</c> on apply to it.</param>
[GenerateSerializer, Immutable, Alias("granary.PolicySnapshot")]
public sealed record PolicySnapshot([property: Id(0)] Guid Epoch, [property: Id(1)] long Number, [property: Id(2)] PolicyEntry[] Entries);

/// <summary>Changes, in order, one number each. A repeated delta may hold more changes than the first time.</summary>
/// <param name="After">The number of the change before the first of these.</param>
[GenerateSerializer, Immutable, Alias("granary.PolicyDelta")]
public sealed record PolicyDelta([property: Id(0)] Guid Epoch, [property: Id(1)] long After, [property: Id(2)] PolicyEntry[] Changes)
{
    /// <summary>The number of the last change.</summary>
    public long Number => After + Changes.Length;
}

/// <summary>A process that holds policies and parameters.</summary>
[Alias("granary.IPolicyObserver")]
public interface IPolicyObserver : IGrainObserver
{
    /// <summary>The answer of who holds nothing that the changes apply to: it watches again by itself.</summary>
    const long NotHeld = -1;

    /// <summary>
    /// Completes when no queue and no exchange of the process goes by a state before <paramref name="delta"/> any more. Answers with the highest number for which
    /// that is so, or <see cref="NotHeld"/>.
    /// </summary>
    [Alias("Apply")]
    Task<long> ApplyAsync(PolicyDelta delta);
}

/// <summary>For how long a change waits for a process that is silent, which goes on by what it holds.</summary>
public static class PolicyLease
{
    public static readonly TimeSpan Length = TimeSpan.FromSeconds(8);

    public static readonly TimeSpan RenewEvery = TimeSpan.FromSeconds(1);
}
