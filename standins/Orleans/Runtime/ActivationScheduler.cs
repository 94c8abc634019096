namespace Orleans.StandIn;

/// <summary>Brings what a grain awaits back as turns of its activation.</summary>
internal sealed class ActivationScheduler(Activation activation) : TaskScheduler
{
    public override int MaximumConcurrencyLevel => 1;

    public void Run(Task turn) => TryExecuteTask(turn);

    protected override void QueueTask(Task task) => activation.AddTurn(task);

    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued)
        => !taskWasPreviouslyQueued && ReferenceEquals(Activation.Current, activation) && TryExecuteTask(task);

    protected override IEnumerable<Task> GetScheduledTasks() => [];
}
