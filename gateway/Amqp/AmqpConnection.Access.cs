using System.Text;
using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Gateway.Figures;

namespace Granary.Gateway.Amqp;

/// <summary>What becomes of a connection when its user may do other things than before.</summary>
internal sealed partial class AmqpConnection
{
    // On return nothing is done by the former rights any more.
    private void OnRightsChanged()
    {
        string? why = null;
        lock (Links.Gate)
        {
            // What is not known ends no consumer; nothing is published before it is.
            if (Paths.TakeRights() is { } now && _state == State.Open)
            {
                why = now.WhyClosed;
                Publisher.Trace = _server.Firehose?.For(Publisher.Trace, now, () => ConnectionNames.Of(_peer, Local));
                if (why is null)
                {
                    foreach (var channel in _channels.All)
                    {
                        if (channel.EndForbidden(now) is { } error)
                        {
                            FailChannel(channel, error);
                        }
                    }

                    Flush();
                }
            }
        }

        if (why is not null)
        {
            ForceClose(why);
        }
    }

    // A password that has changed is of no matter to who has logged in.
    private async ValueTask UpdateSecretAsync(ConnectionUpdateSecret update)
    {
        if (Terms.Login?.Token is { } token && !await token.TryReplaceAsync(Encoding.UTF8.GetString(update.NewSecret.Span), Gone).ConfigureAwait(false))
        {
            LogSecretRefused(Log, _peer, Terms.User);
            throw new AmqpConnectionException(ReplyCode.NotAllowed, "New secret was refused by one of the backends", MethodId.ConnectionUpdateSecret);
        }

        lock (Links.Gate)
        {
            _output.Write(0, new ConnectionUpdateSecretOk());
            _output.Flush();
        }
    }

    private void EndChannels(int count)
    {
        _server.Channels.End(count);
        _server.Clients.AddChannels(Terms.User, -count);
    }

    // Whoever closes the connection takes the channel off again.
    private async ValueTask OpenLimitedAsync(ushort number, long most)
    {
        if (await _server.Clients.CheckChannelsAsync(Terms.User, most, Gone).ConfigureAwait(false) is { } refusal)
        {
            throw new AmqpConnectionException(refusal.Code, refusal.Explanation);
        }

        Send(number, new ChannelOpenOk());
    }
}
