using RabbitMQ.Client;

namespace Granary.Crash.Features;

/// <summary>A consumer from its start to its end, as who has deliveries. It does one thing after the other, and nothing when it has left: what still comes then goes back.</summary>
/// <param name="run">Of the broker: who has deliveries of it has nothing when it is killed.</param>
internal sealed class Hand(IChannel channel, QueueNotes notes, int run)
{
    private readonly SemaphoreSlim _turn = new(1);
    private bool _hasLeft;

    public IChannel Channel => channel;

    public int Run => run;

    public async Task ActAsync(Func<Task> act)
    {
        await _turn.WaitAsync();
        try
        {
            if (!_hasLeft)
            {
                await act();
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Acknowledges a delivery; only from within a turn.</summary>
    public async Task AckAsync(ulong tag, int number)
    {
        notes.Ack(number, this);
        await channel.BasicAckAsync(tag, multiple: false, CancellationToken.None);
    }

    /// <summary>It takes nothing more, and gives back what it has.</summary>
    public Task LeaveAsync() => ActAsync(() =>
    {
        _hasLeft = true;
        notes.Leave(this);
        return Task.CompletedTask;
    });
}
