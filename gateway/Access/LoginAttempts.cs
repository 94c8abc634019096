namespace Granary.Gateway.Access;

/// <summary>How many have tried to log in, by what they speak, and how many of them were let in.</summary>
internal sealed class LoginAttempts
{
    private static readonly int Protocols = Enum.GetValues<LoginProtocol>().Length;

    private readonly long[] _succeeded = new long[Protocols];
    private readonly long[] _failed = new long[Protocols];

    public (long Succeeded, long Failed) this[LoginProtocol protocol] => (Volatile.Read(ref _succeeded[(int)protocol]), Volatile.Read(ref _failed[(int)protocol]));

    /// <summary>Counts anew.</summary>
    public void Reset()
    {
        for (var protocol = 0; protocol < Protocols; protocol++)
        {
            Volatile.Write(ref _succeeded[protocol], 0);
            Volatile.Write(ref _failed[protocol], 0);
        }
    }

    /// <summary>Counts a login, and hands it on.</summary>
    /// <param name="login">Null: it was refused.</param>
    public Login? Count(LoginProtocol protocol, Login? login)
    {
        Interlocked.Increment(ref (login is null ? _failed : _succeeded)[(int)protocol]);
        return login;
    }
}

/// <summary>What clients speak that log in.</summary>
internal enum LoginProtocol
{
    Amqp,

    Grpc,

    Http,
}
