using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Gateway.Links;

namespace Granary.Gateway.Tests.Fakes;

/// <summary>Publishes tracked batches and writes down what became of each.</summary>
internal sealed class FakePublisher : IPublishOwner
{
    private ulong _lastTag;

    /// <summary>For each batch settled: its bodies, then what happened.</summary>
    public List<string> Outcomes { get; } = [];

    public PublishRun Run(in MessageBatch batch, int targets = 1)
    {
        var run = new PublishRun(this, _lastTag + 1, batch, mandatory: false, targets);
        _lastTag += (ulong)batch.Count;
        return run;
    }

    public void Publish(QueueSession link, params string[] bodies)
    {
        var batch = Messages.Batch(bodies);
        link.Publish(batch, Run(batch));
    }

    public void OnPublished(PublishRun run)
    {
        var refused = Enumerable.Range(0, run.Batch.Count).Where(run.IsRefused);
        Outcomes.Add($"{string.Join(' ', Messages.Bodies(run.Batch))}: {(run.WasRouted ? "passed" : "unrouted")}"
            + (run.AnyRefused ? $", refused {string.Join(' ', refused)}" : ""));
    }

    public void OnUnroutable(PublishRun run) => throw new NotSupportedException();

    public void OnLost(PublishRun run) => Outcomes.Add($"{string.Join(' ', Messages.Bodies(run.Batch))}: lost");
}
