using Granary.Core.Policies;

namespace Granary.Silo.Queues.Definition;

/// <summary>RabbitMQ's queue types.</summary>
[Flags]
internal enum QueueTypes
{
    None = 0,
    Classic = 1,
    Quorum = 2,
    Stream = 4,

    /// <summary>What an exchange has for messages that are not due (<see cref="Core.Topology.HiddenQueue"/>). Nobody can declare one.</summary>
    Delayed = 8,

    /// <summary>What an exchange has for the messages that it published last. Nobody can declare one.</summary>
    History = 16,
    Replicated = Quorum | Stream,
    All = Classic | Quorum | Stream,
}

internal static class QueueTypesExtensions
{
    /// <summary>What a policy calls queues of one type.</summary>
    public static PolicyTarget ToTarget(this QueueTypes type) => type switch
    {
        QueueTypes.Quorum => PolicyTarget.Quorum,
        QueueTypes.Stream => PolicyTarget.Stream,
        _ => PolicyTarget.Classic,
    };
}
