using Granary.Core.Counting;
using Granary.Core.Figures;
using Granary.Gateway.Grpc.Access;

namespace Granary.Gateway.Grpc.Connections;

/// <summary>A call of two streams, as people who look at connections see it: it is to its connection what a channel is to one of AMQP.</summary>
internal interface IClientStream
{
    Caller Caller { get; }

    MessageCounts Counts { get; }

    CountHistory History { get; }

    /// <summary>What it consumes; null: nothing.</summary>
    ConsumerView? Consumer { get; }

    /// <summary>Ends it for a reason of the broker's own.</summary>
    void End(string reason);
}

/// <summary>The consumer of a stream.</summary>
/// <param name="Prefetch">0: no limit.</param>
/// <param name="Unacked">Deliveries that are not settled.</param>
internal readonly record struct ConsumerView(string Queue, string Tag, bool NoAck, bool IsExclusive, int Prefetch, long Unacked, Core.EncodedTable Arguments);
