using CsCheck;

namespace Granary.Gateway.Tests.Links;

/// <summary>What happens in one step of a walk over links. What is not possible at that time is a move of the network.</summary>
internal enum LinkAct
{
    Publish,
    Flush,
    Pass,
    Sync,
    Resend,
    DeleteOrDeclare,
    Consume,
    EndActivation,

    /// <summary>A packet, an answer or a push gets on, or is lost.</summary>
    Move,
}

/// <summary>A step of a walk over links, and where the numbers begin that say with what: so a step does the like in whatever walk it is.</summary>
internal sealed record LinkStep(LinkAct Act, int Seed)
{
    public static Gen<LinkStep> Any { get; } = Gen.Select(
        Gen.Frequency(
            (5, Gen.Const(LinkAct.Publish)), (1, Gen.Const(LinkAct.Flush)), (1, Gen.Const(LinkAct.Pass)), (1, Gen.Const(LinkAct.Sync)), (1, Gen.Const(LinkAct.Resend)),
            (1, Gen.Const(LinkAct.DeleteOrDeclare)), (1, Gen.Const(LinkAct.Consume)), (1, Gen.Const(LinkAct.EndActivation)), (8, Gen.Const(LinkAct.Move))),
        Gen.Int[0, 9_999],
        (act, seed) => new LinkStep(act, seed));

    public override string ToString() => $"{Act} {Seed}";
}
