using CsCheck;

namespace Granary.Gateway.Tests.Amqp.Delivering;

/// <summary>What happens to a channel's unacknowledged deliveries in one step of a walk.</summary>
internal abstract record UnackedStep
{
    private const int Most = 1_000_000;

    public static Gen<UnackedStep> Any { get; } = Gen.Frequency(
        (32, Gen.Select(
            Gen.Int[0, 3], Gen.Frequency((1, Gen.Int[1, 3]), (1, Gen.Int[1, 199])), Gen.Frequency((2, Gen.Const(0)), (1, Gen.Int[0, 4])), Gen.Frequency((2, Gen.Const(0)), (1, Gen.Const(2))),
            (source, count, gap, others) => (UnackedStep)new Deliver(source, count, gap, others))),
        (48, Gen.Select(Gen.Frequency((1, false), (3, true)), Gen.Int[0, Most], Gen.Frequency((1, true), (2, false)), (isThere, tag, multiple) => (UnackedStep)new Settle(isThere, tag, multiple))),
        (8, Gen.Const((UnackedStep)new RollBack())),
        (1, Gen.Const((UnackedStep)new TakeAll())));

    /// <param name="Source">Of which of the consumers, or of a get.</param>
    /// <param name="Gap">Offsets before it that went elsewhere.</param>
    /// <param name="TagsOfOthers">Tags after it that need no acknowledgement.</param>
    public sealed record Deliver(int Source, int Count, int Gap, int TagsOfOthers) : UnackedStep;

    /// <param name="IsThere">The tag is one that waits, if any does.</param>
    /// <param name="Tag">Which, by turns.</param>
    public sealed record Settle(bool IsThere, int Tag, bool Multiple) : UnackedStep;

    /// <summary>What was settled last is not.</summary>
    public sealed record RollBack : UnackedStep;

    public sealed record TakeAll : UnackedStep;
}
