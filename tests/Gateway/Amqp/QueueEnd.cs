using Granary.Core.Links;
using Granary.Gateway.Tests.Fakes;

namespace Granary.Gateway.Tests.Amqp;

/// <summary>A test as the queue behind a connection: it takes packets one by one and answers each.</summary>
internal sealed class QueueEnd(ConnectionUnderTest client, string name, int taken = 0)
{
    private int _taken = taken;
    private long _number;

    /// <summary>The next packet must hold exactly these items but for what only the gateway knows; it is answered with <paramref name="answers"/>.</summary>
    public async Task<LinkUpItem[]> AnswerAsync(params LinkDownItem[] answers)
    {
        var sent = await NextAsync();
        Answer(sent, answers);
        return sent.Up.Items;
    }

    public async Task<SentPacket> NextAsync()
    {
        while (true)
        {
            await AmqpConnectionTests.WaitForPacketAsync(client, name, _taken + 1);
            var sent = client.Queue(name).Sent[_taken++];
            if (sent.Up.Number > 0)
            {
                return sent;
            }

            sent.Answer(0);
        }
    }

    public void Answer(SentPacket sent, params LinkDownItem[] answers) => Answer(sent, watermark: 0, answers);

    public void Answer(SentPacket sent, long watermark, params LinkDownItem[] answers) =>
        sent.Answer(sent.Up.Number, sent.Down(++_number, sent.Up.Number, watermark, answers));

    /// <summary>Says something unasked.</summary>
    public void Push(SentPacket sent, long watermark, params LinkDownItem[] items) =>
        _ = client.Connection.Links.ReceiveAsync(sent.Down(++_number, sent.Up.Number, watermark, items));
}
