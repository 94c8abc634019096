using CsCheck;
using Granary.Core.Links;

namespace Granary.Silo.Tests.Queues;

/// <summary>What happens to a queue in one turn of a random walk, whatever there is at that time: numbers are taken modulo that.</summary>
/// <param name="Link">Whose packet it is.</param>
/// <param name="Opens">A link is opened before, if there are few.</param>
/// <param name="Gets">The packet is a get, without acknowledgement or with.</param>
/// <param name="Acts">What is in the packet if it is none.</param>
/// <param name="After">What happens then.</param>
internal sealed record QueueTurn(int Link, bool Opens, bool? Gets, (QueueAct Act, QueueAct.Publish Otherwise)[] Acts, QueueEvent After)
{
    private const int Most = 1_000;

    private static readonly Gen<QueueAct.Publish> Publishes = Gen.Select(
        Gen.OneOf(Gen.Const(1), Gen.Int[1, 9], Gen.Int[1, 99], Gen.Int[1, 699]), OneIn(20), Gen.Bool, Gen.Bool,
        (count, resent, persistent, inChunk) => new QueueAct.Publish(count, resent, persistent, inChunk));

    private static readonly Gen<QueueAct> AnyAct = Gen.Frequency(
        (10, Gen.Select(
            OneIn(3), OneIn(4), OneIn(80), Gen.Frequency((1, Gen.Const(0)), (2, Gen.Int[1, 299])), Gen.Frequency((2, Gen.Const(0)), (1, Gen.Int[-1, 2])),
            Gen.Select(Gen.Int[0, 199], Gen.Int[0, 9_999], (messages, bytes) => new Window(messages, bytes)),
            (noAck, shared, exclusive, prefetch, priority, window) => (QueueAct)new QueueAct.Attach(noAck, shared, exclusive, prefetch, priority, window))),
        (2, Gen.Int[0, Most].Select(which => (QueueAct)new QueueAct.Detach(which))),
        (2, Gen.Int[0, Most].Select(which => (QueueAct)new QueueAct.Share(which))),
        (20, Gen.Select(Gen.Int[0, Most], Gen.Int[-5, 39], Gen.Int[-100, 1_999], (which, messages, bytes) => (QueueAct)new QueueAct.Renew(which, messages, bytes))),
        (10, Gen.Select(Gen.Int[0, Most], Gen.Frequency((1, Gen.Const(0)), (4, Gen.Int[1, 29])), (which, count) => (QueueAct)new QueueAct.Lend(which, count))),
        (50, Gen.Select(
            Gen.Int[0, 3], Gen.Select(Gen.Int[0, 100 * Most], Gen.Int[0, 2], Gen.Frequency((1, Gen.Int[1, 499]), (2, Gen.Int[1, 7]))).Array[1, 3],
            (settlement, ranges) => (QueueAct)new QueueAct.Settle((Settlement)settlement, ranges))),
        (26, Publishes.Select(publish => (QueueAct)publish)));

    private static readonly Gen<QueueEvent> Events = Gen.Frequency(
        (290, Gen.Const(new QueueEvent(IsPurge: false, IsClose: false, Passes: 0))), (1, Gen.Const(new QueueEvent(IsPurge: true, IsClose: false, Passes: 0))),
        (1, Gen.Const(new QueueEvent(IsPurge: false, IsClose: true, Passes: 0))), (8, Gen.Int[1, 8_000].Select(passes => new QueueEvent(IsPurge: false, IsClose: false, passes))));

    public static Gen<QueueTurn> AnyTurn { get; } = Gen.Select(
        Gen.Int[0, Most], OneIn(100), Gen.Frequency((7, Gen.Const((bool?)null)), (1, Gen.Bool.Select(noAck => (bool?)noAck))),
        Gen.Select(AnyAct, Publishes).Array[1, 3], Events,
        (link, opens, gets, acts, after) => new QueueTurn(link, opens, gets, acts, after));

    public override string ToString() =>
        $"{(Opens ? "open, " : "")}link {Link}: {(Gets is { } noAck ? $"get, no ack {noAck}" : string.Join("; ", Acts.Select(act => $"{act.Act}, or else {act.Otherwise}")))}; {After}";

    private static Gen<bool> OneIn(int cases) => Gen.Frequency((1, true), (cases - 1, false));
}

/// <summary>What happens besides packets.</summary>
/// <param name="IsPurge">The queue is purged.</param>
/// <param name="IsClose">The link of this turn is closed.</param>
/// <param name="Passes">So many milliseconds pass, if any.</param>
internal sealed record QueueEvent(bool IsPurge, bool IsClose, int Passes);

/// <summary>An item of a packet.</summary>
internal abstract record QueueAct
{
    public sealed record Publish(int Count, bool Resent, bool Persistent, bool InChunk) : QueueAct;

    public sealed record Attach(bool NoAck, bool Shared, bool Exclusive, int Prefetch, int Priority, Window Window) : QueueAct;

    public sealed record Detach(int Which) : QueueAct;

    public sealed record Share(int Which) : QueueAct;

    public sealed record Renew(int Which, int Messages, int Bytes) : QueueAct;

    public sealed record Lend(int Which, int Count) : QueueAct;

    /// <param name="Ranges">Each from one that is unsettled, or from a little before it.</param>
    public sealed record Settle(Settlement Settlement, (int Which, int Before, int Length)[] Ranges) : QueueAct
    {
        public override string ToString() => $"{Settlement} {string.Join(", ", Ranges)}";
    }
}
