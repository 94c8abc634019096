namespace Granary.Silo.Queues.Definition;

/// <summary>RabbitMQ's queue types.</summary>
[Flags]
internal enum QueueTypes
{
    None = 0,
    Classic = 1,
    Quorum = 2,
    Stream = 4,
    Replicated = Quorum | Stream,
    All = Classic | Quorum | Stream,
}
