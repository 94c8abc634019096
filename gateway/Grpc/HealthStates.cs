using System.Collections.Immutable;
using static Grpc.Health.V1.HealthCheckResponse.Types;

namespace Granary.Gateway.Grpc;

/// <summary>What the gateway says about itself and its services; all are NOT_SERVING until told otherwise.</summary>
/// <remarks>Readers hold an immutable snapshot, whose task ends when it is replaced. Thread-safe.</remarks>
internal sealed class HealthStates
{
    private readonly Lock _gate = new();
    private Snapshot _current;

    public HealthStates(IEnumerable<string> services)
    {
        _current = new Snapshot(services.Append("").ToImmutableDictionary(service => service, _ => ServingStatus.NotServing));
    }

    public Snapshot Current => Volatile.Read(ref _current);

    /// <summary>The empty name stands for the whole process.</summary>
    public void Set(string service, ServingStatus status) => Replace(statuses => statuses.SetItem(service, status));

    public void SetAll(ServingStatus status) => Replace(statuses => statuses.ToImmutableDictionary(pair => pair.Key, _ => status));

    private void Replace(Func<ImmutableDictionary<string, ServingStatus>, ImmutableDictionary<string, ServingStatus>> change)
    {
        Snapshot old;
        lock (_gate)
        {
            old = _current;
            Volatile.Write(ref _current, new Snapshot(change(old.Statuses)));
        }

        old.End();
    }

    /// <summary>The states at one moment.</summary>
    internal sealed class Snapshot(ImmutableDictionary<string, ServingStatus> statuses)
    {
        private readonly TaskCompletionSource _replaced = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public ImmutableDictionary<string, ServingStatus> Statuses => statuses;

        public Task Replaced => _replaced.Task;

        public void End() => _replaced.SetResult();
    }
}
