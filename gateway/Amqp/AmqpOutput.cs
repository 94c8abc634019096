using System.IO.Pipelines;
using Granary.Amqp.Methods;

namespace Granary.Gateway.Amqp;

/// <summary>
/// The outgoing half of a connection. Used under the connection's gate; only one flush is under way at a time, and while one is, what is written
/// gathers for the next.
/// </summary>
internal sealed class AmqpOutput(PipeWriter pipe)
{
    /// <summary>Where content is encoded directly.</summary>
    public PipeWriter Pipe => pipe;

    /// <summary>Something was sent since the flag was last cleared: no heartbeat is due.</summary>
    public bool HasSent { get; set; }

    public void Write<T>(ushort channel, in T method)
        where T : struct, IMethod => MethodFrame.Write(pipe, channel, method);

    /// <summary>Starts to send what was written.</summary>
    public ValueTask<FlushResult> FlushAsync()
    {
        HasSent = true;
        return pipe.FlushAsync();
    }
}
