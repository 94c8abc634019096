using CsCheck;

namespace Granary.Gateway.Tests.Amqp.Publishing;

/// <summary>A step of a walk over confirms: something is published, a run of messages is settled, or what was said is looked at.</summary>
/// <param name="Publishes">How many messages; none: the step is another one.</param>
/// <param name="Settles">Which of the waiting runs, by turns; null: what was written is looked at.</param>
/// <param name="Refuses">Which message of that run is refused, by turns; null: none.</param>
internal sealed record ConfirmsStep(int Publishes, int? Settles, int? Refuses)
{
    private const int Most = 1_000;

    private static readonly Gen<int?> Which = Gen.Frequency((1, Gen.Const(0)), (1, Gen.Int[0, Most])).Select(which => (int?)which);

    public static Gen<ConfirmsStep> Any { get; } = Gen.Frequency(
        (2, Gen.Int[1, 4].Select(count => new ConfirmsStep(count, null, null))),
        (2, Gen.Select(Which, Gen.Frequency((5, Gen.Const((int?)null)), (1, Gen.Int[0, 3].Select(which => (int?)which))), (which, refused) => new ConfirmsStep(0, which, refused))),
        (1, Gen.Const(new ConfirmsStep(0, null, null))));
}
