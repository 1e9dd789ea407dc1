module psk-go

go 1.19
