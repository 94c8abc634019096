namespace Granary.Node.Stopping;

/// <summary>Notes that the silo stops, before anything of it does. Clients have been seen to by then: a process that drains has its silo still.</summary>
internal sealed class SiloStop : ILifecycleParticipant<ISiloLifecycle>
{
    public void Participate(ISiloLifecycle lifecycle) => lifecycle.Subscribe(nameof(SiloStop), ServiceLifecycleStage.Last, static _ => Task.CompletedTask, static _ =>
    {
        LeftOut.StopSilo();
        return Task.CompletedTask;
    });
}
