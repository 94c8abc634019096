namespace Granary.Core.Figures;

/// <summary>What of a process is kept over time: first what it did with messages, each in the place that it has in <see cref="Counting.MessageEvent"/>.</summary>
public enum NodeNumber
{
    Publish,
    Confirm,
    ReturnUnroutable,
    Deliver,
    DeliverNoAck,
    Get,
    GetNoAck,
    GetEmpty,
    Redeliver,
    Ack,

    /// <summary>Messages of its queues that wait.</summary>
    Ready,

    Unacked,
    ConnectionsOpened,
    ConnectionsEnded,
    ChannelsOpened,
    ChannelsEnded,
    QueuesDeclared,
    QueuesEnded,
    MemoryUsed,
    DiskFree,
    FilesUsed,
    SocketsUsed,
    Threads,
    Collections,
    AllocatedBytes,
}
