using Granary.Testing.Wire;

namespace Granary.Compat.Tests.Conformance;

/// <summary>A channel of a case, with what a client knows of it.</summary>
internal sealed class StageChannel(Stage stage, StageConnection connection, ushort number)
{
    private readonly Dictionary<string, ulong> _tags = [];

    public Stage Stage => stage;

    public StageConnection Connection => connection;

    public ushort Number => number;

    public Task SendAsync(byte[] method) => connection.SendAsync(number, method);

    public async Task<StageEvent> CallAsync(byte[] method, ushort classId, ushort methodId)
    {
        await SendAsync(method);
        return await TakeAsync(answer => answer.Method.Is(classId, methodId), $"method {classId}/{methodId}");
    }

    public Task PublishAsync(byte[] publish, byte[] body, WireProperties properties) => connection.PublishAsync(number, publish, body, properties);

    public Task<StageEvent> TakeAsync(Func<StageEvent, bool> isWanted, string what) => connection.TakeAsync(number, isWanted, what);

    /// <summary>The message that came last.</summary>
    public StageEvent? Last { get; private set; }

    /// <summary>Notes by which tag a message is settled.</summary>
    public void Hold(StageEvent message)
    {
        Last = message;
        _tags[message.Body] = message.Tag;
    }

    public ulong TagOf(string body) => _tags[body];

    /// <summary>Returns when what queues have sent to this channel until now is here.</summary>
    public async Task SettleDownAsync(string queue)
    {
        await CallAsync(WireMethods.QueueDeclare(stage.NameOf(queue), passive: true), 50, 11);
        await CallAsync(WireMethods.ChannelFlow(active: true), 20, 21);
    }
}
