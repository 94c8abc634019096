using Granary.Core.Figures;
using Granary.Core.Grains;
using Granary.Core.Policies;

namespace Granary.Gateway.Policies;

/// <summary>Which policies a queue or an exchange goes by, for lists: its silo is not asked.</summary>
internal static class PolicyLookup
{
    public static AppliedPolicy Of(this PolicyTable policies, QueueFigure queue)
    {
        var (vhost, name) = GrainKeys.Parse(queue.Key);
        return policies.Find(vhost, TargetOf(queue), name);
    }

    private static PolicyTarget TargetOf(QueueFigure queue) =>
        !queue.Declaration.Arguments.IsEmpty && queue.Declaration.Arguments.Decode().TryGetValue("x-queue-type", out var value) && value.TryGetText(out var type) ? type switch
        {
            "quorum" or "rabbit_quorum_queue" => PolicyTarget.Quorum,
            "stream" or "rabbit_stream_queue" => PolicyTarget.Stream,
            _ => PolicyTarget.Classic,
        }
        : PolicyTarget.Classic;
}
